#!/usr/bin/env bash
# Compiles pyproject.toml into requirements*.txt, with the hashes of every file of every supported platform, into
# the folder <to>. Pinned versions stay, unless --upgrade follows. Usage: deploy/compile.sh <to> [--upgrade]
set -euo pipefail
cd "$(dirname "$0")/.."
to=$1
python=${PYTHON:-.venv/bin/python}
work=$(mktemp --directory)
trap 'rm -r "$work"' EXIT

# An index beside the main one may hold this machine's files only, and so not all the hashes.
compile() { # <output> <arguments>
    UV_INDEX="" UV_FIND_LINKS="" "$python" deploy/install.py --uv pip compile --quiet --universal --generate-hashes \
        --no-header --no-annotate --no-strip-extras --python-version 3.11 --output-file "$@" > /dev/null
}

pin() { # <file> <arguments>: writes what these need and the files that it includes do not hold
    compile "$work/needed" --constraint "$work/together" "${@:2}"
    { echo requirements.txt && sed -n 's/^-r //p' "$1"; } | while read -r file; do cat "$work/$file"; done > "$work/held"
    # A pin begins a line; its hashes follow, indented.
    awk 'FILENAME == ARGV[1] { held[$1]; next } /^[^ ]/ { keep = !($1 in held) } keep' \
        "$work/held" "$work/needed" >> "$work/$1"
    rm "$work/needed"
}

# All at once, so that they go together. uv prefers the versions that it finds in the output.
sed '/^-r /d' requirements*.txt > "$work/together"
compile "$work/together" pyproject.toml --all-extras --group uv "${@:2}"
for file in requirements*.txt; do
    grep -E '^(#|-r )' "$file" > "$work/$file"
done
pin requirements-uv.txt --group uv
pin requirements.txt pyproject.toml
for extra in postgres s3 spark; do
    pin "requirements-$extra.txt" pyproject.toml --extra "$extra"
done
pin requirements-dev.txt pyproject.toml --all-extras
cp "$work"/requirements*.txt "$to"
