#!/usr/bin/env bash
# Pins the newest versions of the packages in pyproject.toml, after the tests passed with them in .venv-next.
# Arguments are passed to pytest: to try the script, name a single test file.
set -euo pipefail
cd "$(dirname "$0")/.."

next=$PWD/.venv-next
pins=$next/pins
python3 -m venv --clear "$next"
mkdir "$pins"
python=$next/bin/python

named() { # [<extra>]: the packages that pyproject.toml names
    "$python" - "$@" <<'END'
import sys, tomllib
project = tomllib.load(open("pyproject.toml", "rb"))["project"]
print("\n".join(project["optional-dependencies"][sys.argv[1]] if sys.argv[1:] else project["dependencies"]))
END
}

# All at once, so that the versions are compatible; then each file gets what its part of them needs.
{ named; named postgres; named s3; named spark; named dev; } > "$pins/named"
"$python" -m pip install --quiet --upgrade --requirement "$pins/named"
"$python" -m pip freeze > "$pins/together"

pin() { # <file> [<extra>]: write the packages that it needs and that no earlier file has
    named "${@:2}" > "$pins/named"
    "$python" -m pip install --quiet --dry-run --ignore-installed --report "$pins/report" \
        --requirement "$pins/named" --constraint "$pins/together"
    grep -E '^(#|-r )' "$1" > "$pins/$1"
    "$python" - "$pins/report" <<'END' | LC_ALL=C sort --ignore-case > "$pins/needed"
import json, sys
for package in json.load(open(sys.argv[1]))["install"]:
    print("{name}=={version}".format(**package["metadata"]))
END
    cat "$pins"/requirements*.txt > "$pins/held"
    grep -vxFf "$pins/held" "$pins/needed" >> "$pins/$1" || true # no line if earlier files have all of it
}
pin requirements.txt
pin requirements-postgres.txt postgres
pin requirements-s3.txt s3
pin requirements-spark.txt spark
pin requirements-dev.txt dev

"$python" -m pytest -n 2 --dist loadfile -m "not slow" "$@"
cp "$pins"/requirements*.txt .
git --no-pager diff --stat -- 'requirements*.txt'
