#!/usr/bin/env bash
# Copies what cannot be rebuilt from CONVERSATIONS_HOME to <folder>/<time>; safe during a run.
# Unchanged files are hard links to the previous backup. usage: deploy/backup.sh <folder>
set -euo pipefail
umask 077

folder=${1:?usage: deploy/backup.sh <folder>}
home=${CONVERSATIONS_HOME:?must name the home to back up}
landing=${CONVERSATIONS_LANDING:-$home/landing} # a URL is not a folder, and is not copied
dagster=${CONVERSATIONS_DAGSTER:-$home/dagster}

mkdir -p "$folder"
folder=$(realpath "$folder")
time=$(date -u +%Y%m%dT%H%M%SZ)
new=$folder/.$time
mkdir "$new"

# 24: a file was removed during the copy, such as an old release.
copy() { # <from> <name in the backup> [<options>]
    [ -d "$1" ] || return 0
    mkdir -p "$new/$2"
    local before=()
    if [ -d "$folder/latest/$2" ]; then before=("--link-dest=$folder/latest/$2/"); fi
    rsync --archive "${before[@]}" --exclude='*.tmp' --exclude='.building-*' "${@:3}" \
        "$1/" "$new/$2/" || [ $? -eq 24 ]
}

# Each folder is copied before its inputs. The ledger states which raw files count, and its file of a batch is written
# last: copied first, it never names a file that the copy does not have. Newer files in landing are ingested again.
if [ -f "$home/hash_key" ]; then cp --preserve "$home/hash_key" "$new/"; fi
copy "$home/published" published
# A replay or an erasure rewrites files: the lock keeps such commands from running during these copies.
if [ -f "$home/run.lock" ]; then exec 9<"$home/run.lock" && flock 9; fi
copy "$home/raw/ingested_files" raw/ingested_files
copy "$home/raw" raw --exclude=/ingested_files
copy "$home/rejected" rejected
exec 9<&-
copy "$landing" landing
copy "$dagster" dagster --exclude='*.db' --exclude='*.db-*'
if [ -d "$dagster" ]; then
    (cd "$dagster" && find . -name '*.db' -print0) | while IFS= read -r -d '' database; do
        mkdir -p "$new/dagster/$(dirname "$database")"
        sqlite3 "$dagster/$database" ".timeout 30000" ".backup '$new/dagster/$database'"
    done
fi

mv "$new" "$folder/$time"
ln -sfn "$time" "$folder/latest"
echo "$folder/$time"
