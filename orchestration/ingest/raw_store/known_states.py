"""Files of landing that were touched but not changed: name, size and time, and the id of the content.

Belongs here: remembering them, so that each is hashed once. Does not: the states that the ledger records.
What is kept here can be lost without harm: the files are then hashed again.
"""

import json
import os
from contextlib import suppress
from pathlib import Path

from orchestration.common import files
from orchestration.settings import Settings

States = dict[tuple[str, int, int], str]  # by name, size and modified_us, the id of the content


def read(settings: Settings) -> States:
    """Return the states that were remembered; none where they cannot be read."""
    try:
        return {
            (name, size, us): file_id for name, size, us, file_id in json.loads(_file(settings).read_text())
        }
    except (OSError, ValueError, TypeError):
        return {}


def write(settings: Settings, states: States) -> None:
    """Remember these states in place of those before."""
    written = _file(settings).with_name(f".known_states-{os.getpid()}.tmp")
    with suppress(OSError):  # a full disk, or a full refresh that moves the folder away at this moment
        written.write_text(json.dumps([[*state, file_id] for state, file_id in states.items()]))
        files.replace(written, _file(settings))


def _file(settings: Settings) -> Path:
    return settings.raw_path / "known_states.json"
