"""Prints the settings for a shell: `eval "$(python -m orchestration.environment)"`, as the Makefile does.

Belongs here: formatting variables for a shell. Does not: the definition of a setting (`settings`).
"""

import os
import shlex
import sys

from dotenv import dotenv_values

from orchestration.settings import DOTENV, PROJECT, SettingsError, load_settings


def shell_lines() -> str:
    """Return the variables of `.env` and the settings that other programs read, as shell `export` lines.

    Raises `SettingsError` if a setting is invalid.
    """
    settings = load_settings()
    names = [name for name in dotenv_values(DOTENV) if name.isidentifier()]  # prevents shell injection
    in_dotenv = {name: os.environ[name] for name in names if os.environ.get(name)}
    dagster_home = {"DAGSTER_HOME": os.environ.get("DAGSTER_HOME") or str(PROJECT)}
    variables = in_dotenv | dagster_home | settings.environment()
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items())


if __name__ == "__main__":
    try:
        print(shell_lines())
    except SettingsError as error:
        sys.exit(f"A setting is invalid:\n{error}")
