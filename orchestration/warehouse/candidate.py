"""The candidate as files: which builds it holds, and who keeps it open.

Belongs here: `candidate.duckdb` and `warehouse.duckdb` as seen by other stages and processes. Does not: what
their tables hold, nor how dbt builds them (`assets`).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import duckdb

from orchestration.settings import Settings

WAIT_SECONDS = 300
LOOK_EVERY_SECONDS = 5
SUCCESS = "success"


@dataclass(frozen=True)
class Build:
    """A build since the last full one, as `build.builds` of the candidate records it.

    `fingerprint` identifies all inputs, `rules` all but the batches. `batches` lists the ingested batches,
    each with the number of its rows in the ledger. What a build writes when it completes is None before.
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
    """Another program keeps the candidate open; the message names the program, its process and the remedy."""


def builds(settings: Settings) -> list[Build]:
    """Return the builds that the candidate was made by, oldest first; none where there is no candidate."""
    if not settings.candidate_path.exists():
        return []
    try:
        with duckdb.connect(settings.candidate_path, read_only=True) as connection:
            rows = connection.execute(
                "select build_id, is_full, fingerprint, rules, batches, result, started_at, completed_at"
                " from build.builds order by build_number"
            ).fetchall()
    except duckdb.Error:  # a file that is damaged, or that dbt did not begin
        return []
    return [Build(*row) for row in rows]


def completed_build(settings: Settings) -> Build | None:
    """Return the last build if it completed, all its error-severity tests passed; else None."""
    last = (builds(settings) or [None])[-1]
    return last if last and last.result == SUCCESS else None


def builds_since(settings: Settings, build_id: str | None) -> list[str] | None:
    """Return the ids of the builds after this one; None if the candidate was not made from it."""
    ids = [build.build_id for build in builds(settings)]
    return ids[ids.index(build_id) + 1 :] if build_id in ids else None


def complete_build(settings: Settings, fingerprint: str, rules: str, batches: list[str]) -> None:
    """Record that the last build completed."""
    with duckdb.connect(settings.candidate_path) as connection:
        connection.execute(
            "update build.builds set fingerprint = ?, rules = ?, batches = ?, result = ?,"
            " completed_at = timezone('UTC', now())"
            " where build_number = (select max(build_number) from build.builds)",
            [fingerprint, rules, batches, SUCCESS],
        )


def wait_until_free(settings: Settings, progress: Callable[[str], None], read_only: bool = False) -> None:
    """Return when no other program keeps the candidate from being written, or else only from being read.

    Raises `CandidateHeldError` if that takes longer than `WAIT_SECONDS`.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    announced = False
    while holder := _holder(settings, read_only):
        if time.monotonic() >= deadline:
            raise CandidateHeldError(
                f"{holder} after {WAIT_SECONDS:g} seconds. Close that program and run again; to look at the"
                f" data, open {settings.published_path / 'reports.duckdb'} instead."
            )
        if not announced:
            progress(f"{holder}; waiting for it …")
            announced = True
        time.sleep(LOOK_EVERY_SECONDS)


def _holder(settings: Settings, read_only: bool) -> str:
    """Return which of the two files another program holds open, and who; empty where none does."""
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
