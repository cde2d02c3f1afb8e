"""The candidate warehouse as a file: what it was made from, who holds it open, and throwing it away.

Belongs here: `warehouse.duckdb` as other stages and processes meet it. Does not: what is in it, nor how it is
built (`warehouse`).
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from orchestration.settings import Settings

WAIT_SECONDS = 300
LOOK_EVERY_SECONDS = 5


@dataclass(frozen=True)
class Built:
    """What the candidate was built from, all of it. `base`: the fingerprint of what it only adds to."""

    fingerprint: str
    rules: str
    batches: list[str]
    base: str | None = None


def read_built(settings: Settings) -> Built | None:
    """Return what the candidate was built from; None where not all of it was from the same."""
    try:
        return Built(**json.loads(settings.fingerprint_path.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


class CandidateHeldError(Exception):
    """Another program keeps the candidate open; the message names the program, its process and the remedy."""


def wait_until_free(settings: Settings, progress: Callable[[str], None], read_only: bool = False) -> None:
    """Return when no other program keeps the candidate from being written, or else only from being read.

    Raises `CandidateHeldError` if that takes longer than `WAIT_SECONDS`.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    told = False
    while holder := _holder(settings.warehouse_path, read_only):
        if time.monotonic() >= deadline:
            raise CandidateHeldError(
                f"{settings.warehouse_path} is still held open after {WAIT_SECONDS:g} seconds: {holder}."
                " Close that program and run again; to look at the data,"
                f" open {settings.published_path / 'reports.duckdb'} instead."
            )
        if not told:
            progress(f"{settings.warehouse_path} is held open: {holder}; waiting for it …")
            told = True
        time.sleep(LOOK_EVERY_SECONDS)


def _holder(path: Path, read_only: bool) -> str:
    """Return the engine's words on who holds the lock; empty where nobody does, or it is another trouble."""
    if not path.exists():
        return ""
    try:
        duckdb.connect(path, read_only=read_only).close()
    except duckdb.Error as error:
        _, found, rest = str(error).partition("Conflicting lock is held in ")
        return rest.partition(". See also")[0] if found else ""
    return ""
