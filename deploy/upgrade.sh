#!/usr/bin/env bash
# Pins the newest versions of what pyproject.toml names, after the tests passed with them in .venv-next.
set -euo pipefail
cd "$(dirname "$0")/.."

next=$PWD/.venv-next
pins=$next/pins
python3 -m venv --clear "$next"
mkdir "$pins"
touch "$pins/known"

named() { # <file>: what pyproject.toml names for it
    "$next/bin/python" - "$1" <<'END'
import sys, tomllib
project = tomllib.load(open("pyproject.toml", "rb"))["project"]
extra = sys.argv[1].removeprefix("requirements").removesuffix(".txt").removeprefix("-")
print("\n".join(project["optional-dependencies"][extra] if extra else project["dependencies"]))
END
}

# Each builds on the one before it, so it adds to it and changes nothing in it.
for file in requirements.txt requirements-postgres.txt requirements-dev.txt; do
    named "$file" > "$pins/named"
    "$next/bin/python" -m pip install --quiet --upgrade --requirement "$pins/named" --constraint "$pins/known"
    "$next/bin/python" -m pip freeze | LC_ALL=C sort --ignore-case > "$pins/all"
    { grep -E '^(#|-r)' "$file"; grep --invert-match --line-regexp --fixed-strings --file "$pins/known" "$pins/all"; } > "$pins/$file"
    cp "$pins/all" "$pins/known"
done

"$next/bin/python" -m pytest -n 2 --dist loadfile -m "not slow"
cp "$pins"/requirements*.txt .
git --no-pager diff --stat -- 'requirements*.txt'
