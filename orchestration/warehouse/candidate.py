"""The candidate as files: its record of builds, and locks by other programs.

Belongs here: access to `candidate.duckdb` and `warehouse.duckdb` from other stages and processes. Does not:
the content of their tables, nor how dbt builds them (`assets`).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import duckdb

from orchestration.settings import Settings

WAIT_SECONDS = 300
POLL_SECONDS = 5
SUCCESS = "success"
# Each incremental build leaves deleted rows in the file: of 100,000 conversations, 0.6 % of its size.
MOST_INCREMENTS = 100


@dataclass(frozen=True)
class Build:
    """A build since the last full one, as recorded in `build.builds` of the candidate.

    - `fingerprint`: identifies all inputs
    - `rules`: identifies all inputs except the batches
    - `batches`: the ingested batches, each with its number of rows in the ledger

    The values that a build writes at its end are None before.
    """

    build_id: str
    is_full: bool
    fingerprint: str | None
    rules: str | None
    batches: list[str] | None
    result: str | None
    started_at: datetime
    completed_at: datetime | None


class CandidateHeldError(Exception):
    """Another program has the candidate open. The message has the program, its process and the remedy."""


def builds(settings: Settings) -> list[Build]:
    """Return the builds of the candidate, oldest first, or none without a candidate."""
    if not settings.candidate_path.exists():
        return []
    try:
        with duckdb.connect(settings.candidate_path, read_only=True) as connection:
            rows = connection.execute(
                "select build_id, is_full, fingerprint, rules, batches, result, started_at, completed_at"
                " from build.builds order by build_number"
            ).fetchall()
    except duckdb.Error:  # a damaged file, or one without a build
        return []
    return [Build(*row) for row in rows]


def completed_build(settings: Settings) -> Build | None:
    """Return the last build if it is complete and all its error-severity tests passed, else None."""
    last = (builds(settings) or [None])[-1]
    return last if last and last.result == SUCCESS else None


def builds_since(settings: Settings, build_id: str | None) -> list[str] | None:
    """Return the ids of the builds after this one, or None if the candidate is not based on it."""
    ids = [build.build_id for build in builds(settings)]
    return ids[ids.index(build_id) + 1 :] if build_id in ids else None


def complete_build(settings: Settings, fingerprint: str, rules: str, batches: list[str]) -> None:
    """Record the last build as complete."""
    with duckdb.connect(settings.candidate_path) as connection:
        connection.execute(
            "update build.builds set fingerprint = ?, rules = ?, batches = ?, result = ?,"
            " completed_at = timezone('UTC', now())"
            " where build_number = (select max(build_number) from build.builds)",
            [fingerprint, rules, batches, SUCCESS],
        )


def rename_build(settings: Settings, build_id: str) -> None:
    """Give the only build the id that its rows have: a program of dbt on Spark made them."""
    with duckdb.connect(settings.candidate_path) as connection:
        connection.execute("update build.builds set build_id = ?", [build_id])


def wait_until_free(settings: Settings, progress: Callable[[str], None], read_only: bool = False) -> None:
    """Wait until no other program has the candidate open in a way that prevents writing (or only reading).

    Raises `CandidateHeldError` after `WAIT_SECONDS`.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    announced = False
    while holder := _holder(settings, read_only):
        if time.monotonic() >= deadline:
            raise CandidateHeldError(
                f"{holder} after {WAIT_SECONDS:g} seconds. Close that program and run again. To query the"
                f" data, open {settings.published_path / 'reports.duckdb'} instead."
            )
        if not announced:
            progress(f"{holder}; waiting until it closes the file …")
            announced = True
        time.sleep(POLL_SECONDS)


def _holder(settings: Settings, read_only: bool) -> str:
    """Return a message with the file and the program that has it open, or an empty text."""
    for path in (settings.warehouse_path, settings.candidate_path):
        if not path.exists():
            continue
        try:
            duckdb.connect(path, read_only=read_only).close()
        except duckdb.Error as error:
            _, found, rest = str(error).partition("Conflicting lock is held in ")
            if found:
                return f"{path} is held open: {rest.partition('. See also')[0]}"
    return ""
