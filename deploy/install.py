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
from collections.abc import Iterable

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


def uv(*arguments: str) -> int:
    """Run uv, installed from its pin where it is missing; return its exit code, or pip's that failed."""
    if failed := subprocess.run([*PIP, "install", "--quiet", "--requirement", UV]).returncode:
        return failed
    listed = subprocess.run([*PIP, "config", "list"], capture_output=True, text=True)
    # What the user sets for uv itself comes first.
    environment = uv_settings(listed.stdout.splitlines()) | os.environ
    return subprocess.run([sys.executable, "-m", "uv", *arguments], env=environment).returncode


def install(files: Iterable[str]) -> int:
    """Install the pins of the files, then the project itself; return the exit code."""
    pins = ["install", "--quiet", *(argument for file in files for argument in ("--requirement", file))]
    # Its build needs setuptools, which is among the pins.
    project = ["install", "--quiet", "--no-deps", "--no-build-isolation", "--editable", "."]
    here = ["--python", sys.executable]
    if not (uv("pip", *pins, *here) or uv("pip", *project, *here)):
        return 0
    print("uv could not install them; pip does, which takes a minute or two …", flush=True)
    return subprocess.run([*PIP, *pins]).returncode or subprocess.run([*PIP, *project]).returncode


if __name__ == "__main__":
    sys.exit(uv(*sys.argv[2:]) if sys.argv[1:2] == ["--uv"] else install(sys.argv[1:]))
