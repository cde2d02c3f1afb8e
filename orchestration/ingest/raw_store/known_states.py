"""Files of landing whose time changed but not their content: name, size, time, and content id.

Belongs here: storing them, so that each is hashed once. Does not: the states in the ledger. Losing this file
is harmless: the files are hashed again.
"""

import json
import os
from contextlib import suppress
from pathlib import Path

from orchestration.common import files
from orchestration.settings import Settings

States = dict[tuple[str, int, int], str]  # name, size and modified_us → content id


def read(settings: Settings) -> States:
    """Return the stored states, or none if they cannot be read."""
    try:
        return {
            (name, size, us): file_id for name, size, us, file_id in json.loads(_file(settings).read_text())
        }
    except (OSError, ValueError, TypeError):
        return {}


def write(settings: Settings, states: States) -> None:
    """Store these states, replacing the previous ones."""
    written = _file(settings).with_name(f".known_states-{os.getpid()}.tmp")
    with suppress(OSError):  # a full disk, or a full refresh that moves the folder concurrently
        written.write_text(json.dumps([[*state, file_id] for state, file_id in states.items()]))
        files.replace(written, _file(settings))


def _file(settings: Settings) -> Path:
    return settings.raw_path / "known_states.json"
