"""Install pinned requirements into the environment of this Python, with uv or, if it fails, with pip.

    python deploy/install.py requirements.txt …    installs them, and the project itself
    python deploy/install.py --uv pip compile …    runs uv with the settings of pip

Belongs here: passing pip's configuration to uv, which does not read it. Does not: the list of packages (see
`pyproject.toml`). It runs before any installation, so it uses only the standard library.
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
# Setting of pip → environment variable of uv.
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
    """Return the variables of uv for the settings of pip, given the lines of `pip config list`.

    The environment overrides the section `install` of pip's files, which overrides `global`.
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
        # Like pip, search all indexes. By default uv stops at the first one with the package.
        settings["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return settings


@cache
def uv_environment() -> dict[str, str] | None:
    """Return the environment of uv, or None if pip cannot install uv, which prints the reason."""
    if subprocess.run([*PIP, "install", "--quiet", "--requirement", UV]).returncode:
        return None
    listed = subprocess.run([*PIP, "config", "list"], capture_output=True, text=True)
    # Variables that the user sets for uv have priority.
    return uv_settings(listed.stdout.splitlines()) | os.environ


def uv(*arguments: str) -> int:
    """Run uv, which is installed first if necessary. Return its exit code, 1 if it cannot be installed."""
    if (environment := uv_environment()) is None:
        return 1
    return subprocess.run([sys.executable, "-m", "uv", *arguments], env=environment).returncode


def install(files: Iterable[str]) -> int:
    """Install the pinned requirements of the files, then the project. Return the exit code."""
    pins = ["install", "--quiet", *(argument for file in files for argument in ("--requirement", file))]
    # The build of the project needs setuptools, which is pinned.
    project = ["install", "--quiet", "--no-deps", "--no-build-isolation", "--editable", "."]
    here = ["--python", sys.executable]
    failed = uv("pip", *pins, *here) or uv("pip", *project, *here)
    if failed:
        print("uv failed; installing with pip, which takes a minute or two …", flush=True)
        failed = subprocess.run([*PIP, *pins]).returncode or subprocess.run([*PIP, *project]).returncode
    if not failed:
        set_dagster_home()
    return failed


def set_dagster_home() -> None:
    """Make the repository the default of `DAGSTER_HOME` for every Python of `.venv`.

    Commands such as `dagster run list` need it to find `dagster.yaml`.
    """
    line = 'import os, sys; os.environ.setdefault("DAGSTER_HOME", os.path.dirname(sys.prefix))\n'
    (Path(sysconfig.get_path("purelib")) / "conversation_reports_home.pth").write_text(line)


if __name__ == "__main__":
    sys.exit(uv(*sys.argv[2:]) if sys.argv[1:2] == ["--uv"] else install(sys.argv[1:]))
