"""The candidate warehouse as a file: what it was made from, who holds it open, and throwing it away.

Belongs here: `warehouse.duckdb` as other stages and processes meet it. Does not: what is in it, nor how it is
built (`warehouse`).
"""

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
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


@dataclass(frozen=True)
class Build:
    """A build of the candidate, as the table `build.builds` records it. Times are UTC.

    - `batches`: the batches of the ledger that it read, each as "<batch_id> <rows>"
    - `result`, `completed_at`: None while dbt runs, and where it did not finish
    """

    build_id: str
    is_full: bool
    fingerprint: str | None
    rules: str | None
    batches: list[str]
    result: str | None
    started_at: datetime
    completed_at: datetime | None


def builds(settings: Settings) -> list[Build]:
    """Return the builds since the last full one, and that one, in their order; none without a candidate."""
    if not settings.candidate_path.exists():
        return []
    with duckdb.connect(settings.candidate_path, read_only=True) as connection:
        rows = connection.execute(
            "select build_id, is_full, fingerprint, rules, batches, result, started_at, completed_at"
            " from build.builds order by started_at"
        ).fetchall()
    return [Build(*row) for row in rows]


def completed_build(settings: Settings) -> Build | None:
    """Return the last build of the candidate if it completed, else None."""
    last = builds(settings)[-1:]
    return last[0] if last and last[0].completed_at else None


def builds_since(settings: Settings, build_id: str | None) -> list[str] | None:
    """Return the ids of the builds after this one; None if it is not among those of the candidate."""
    ids = [build.build_id for build in builds(settings)]
    return ids[ids.index(build_id) + 1 :] if build_id in ids else None


class CandidateHeldError(Exception):
    """Another program keeps the candidate open; the message names the program, its process and the remedy."""


def discard(settings: Settings) -> None:
    """Remove the candidate, since it was made of raw files that are about to be rewritten in place.

    With it go the tables on which it may be but views. This is how the models learn of it: what is not there
    cannot be added to, so all of it is built anew.
    """
    for path in (
        settings.fingerprint_path,
        settings.warehouse_path,
        Path(f"{settings.warehouse_path}.wal"),
    ):
        path.unlink(missing_ok=True)
    if settings.spark_tables_path.exists():
        shutil.rmtree(settings.spark_tables_path)


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
