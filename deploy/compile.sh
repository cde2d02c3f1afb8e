#!/usr/bin/env bash
# Compiles pyproject.toml into requirements*.txt in the folder <to>, with the hashes of all files for every supported
# platform. Pinned versions are kept, unless --upgrade is given. Usage: deploy/compile.sh <to> [--upgrade]
set -euo pipefail
cd "$(dirname "$0")/.."
to=$1
python=${PYTHON:-.venv/bin/python}
work=$(mktemp --directory)
trap 'rm -r "$work"' EXIT

# Additional indexes can lack files for other platforms, and so their hashes.
compile() { # <output> <arguments>
    UV_INDEX="" UV_FIND_LINKS="" "$python" deploy/install.py --uv pip compile --quiet --universal --generate-hashes \
        --no-header --no-annotate --no-strip-extras --python-version 3.11 --output-file "$@" > /dev/null
}

pin() { # <file> <arguments>: writes the pins of these requirements that are not in the included files
    compile "$work/needed" --constraint "$work/together" "${@:2}"
    { echo requirements.txt && sed -n 's/^-r //p' "$1"; } | while read -r file; do cat "$work/$file"; done > "$work/held"
    # A pin starts a line; its hashes are on the indented lines after it.
    awk 'FILENAME == ARGV[1] { held[$1]; next } /^[^ ]/ { keep = !($1 in held) } keep' \
        "$work/held" "$work/needed" >> "$work/$1"
    rm "$work/needed"
}

# Resolves all requirements together, so that they are compatible. uv prefers the versions in the output file.
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
