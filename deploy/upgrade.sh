#!/usr/bin/env bash
# Pins the newest versions of the packages in pyproject.toml, after the tests passed with them in .venv-next.
# Arguments are passed to pytest: to try the script, name a single test file.
set -euo pipefail
cd "$(dirname "$0")/.."

next=$PWD/.venv-next
python3 -m venv --clear "$next"
export PYTHON=$next/bin/python
mkdir "$next/pins"
deploy/compile.sh "$next/pins" --upgrade
"$PYTHON" deploy/install.py "$next/pins/requirements-dev.txt"
"$PYTHON" -m pytest -n 2 --dist loadfile -m "not slow" "$@"
cp "$next"/pins/requirements*.txt .
git --no-pager diff --stat -- 'requirements*.txt'
