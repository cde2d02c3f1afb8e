"""Installs pinned requirements into the environment of this Python, with uv, else with pip.

    python deploy/install.py requirements.txt …    installs them, and the project itself
    python deploy/install.py --uv pip compile …    runs uv with the settings of pip

Belongs here: what uv needs of pip's configuration, which it does not read. Does not: which packages (see
`pyproject.toml`). It runs before anything is installed, so it needs the standard library alone.
"""

import ast
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from functools import cache
from pathlib import Path

PIP = [sys.executable, "-m", "pip"]
UV = "requirements-uv.txt"
# A setting of pip, and the variable in which uv reads it.
VARIABLES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "proxy": "HTTPS_PROXY",
}


def uv_settings(pip_config: Iterable[str]) -> dict[str, str]:
    """Return the variables that give uv pip's settings, from the lines of `pip config list`.

    A variable of the environment overrides the section `install` of pip's files, and that one `global`.
    """
    settings = {}
    for section in ("global", "install", ":env:"):
        for line in pip_config:
            match = re.fullmatch(rf"{section}\.([a-z-]+)=(.*)", line)
            if match and match[1] in VARIABLES:
                settings[VARIABLES[match[1]]] = " ".join(ast.literal_eval(match[2]).split())
    if "UV_FIND_LINKS" in settings:
        settings["UV_FIND_LINKS"] = settings["UV_FIND_LINKS"].replace(" ", ",")
    if "UV_INDEX" in settings:
        # pip chooses among all indexes; without this uv takes the first that knows the package.
        settings["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return settings


@cache
def uv_environment() -> dict[str, str] | None:
    """Return the environment in which uv runs; None where pip cannot install it. It says why."""
    if subprocess.run([*PIP, "install", "--quiet", "--requirement", UV]).returncode:
        return None
    listed = subprocess.run([*PIP, "config", "list"], capture_output=True, text=True)
    # What the user sets for uv itself comes first.
    return uv_settings(listed.stdout.splitlines()) | os.environ


def uv(*arguments: str) -> int:
    """Run uv, installed from its pin where it is missing; return its exit code, 1 where there is no uv."""
    if (environment := uv_environment()) is None:
        return 1
    return subprocess.run([sys.executable, "-m", "uv", *arguments], env=environment).returncode


def install(files: Iterable[str]) -> int:
    """Install the pins of the files, then the project itself; return the exit code."""
    pins = ["install", "--quiet", *(argument for file in files for argument in ("--requirement", file))]
    # Its build needs setuptools, which is among the pins.
    project = ["install", "--quiet", "--no-deps", "--no-build-isolation", "--editable", "."]
    here = ["--python", sys.executable]
    failed = uv("pip", *pins, *here) or uv("pip", *project, *here)
    if failed:
        print("uv could not install them; pip does, which takes a minute or two …", flush=True)
        failed = subprocess.run([*PIP, *pins]).returncode or subprocess.run([*PIP, *project]).returncode
    if not failed:
        name_home()
    return failed


def name_home() -> None:
    """Let every Python of `.venv` know that the folder around it is Dagster's home, unless one is set.

    `dagster run list` and others need it and have no other way to find `dagster.yaml`.
    """
    line = 'import os, sys; os.environ.setdefault("DAGSTER_HOME", os.path.dirname(sys.prefix))\n'
    (Path(sysconfig.get_path("purelib")) / "conversation_reports_home.pth").write_text(line)


if __name__ == "__main__":
    sys.exit(uv(*sys.argv[2:]) if sys.argv[1:2] == ["--uv"] else install(sys.argv[1:]))
