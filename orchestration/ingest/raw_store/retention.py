"""How long what was taken in is kept: the texts of refused records, and records that have an age.

Belongs here: what is too old, and removing it. Does not: contacts to forget (`erasure`).

A refused text may hold anything, names and numbers too, and is kept only so that the export can be mended;
once it is gone, the row with its reason stays. A record too old leaves raw/, and so the reports. The ledger
stays as it is: it tells what was taken in, not what is left.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from orchestration.common.candidate_files import discard_candidate
from orchestration.common.sql import parquet, quoted
from orchestration.ingest.parsing.typing import named
from orchestration.ingest.platforms import PLATFORMS
from orchestration.ingest.raw_store import ledger
from orchestration.settings import Settings


def is_due(settings: Settings) -> bool:
    """Return whether a refused text is too old; for records, see the horizon."""
    with duckdb.connect() as con:
        return bool(_old_texts(con, settings))


def horizon(settings: Settings) -> datetime | None:
    """Return the UTC instant before which records go, or None if they are kept for ever.

    It is the first of a month, so that files of a long history are rewritten once a month and not every day.
    """
    if settings.keep_raw_days is None:
        return None
    last = now() - timedelta(days=settings.keep_raw_days)
    return datetime(last.year, last.month, 1)


def apply(con: duckdb.DuckDBPyConnection, settings: Settings, work: Path) -> None:
    """Remove what is too old from all that was taken in."""
    for path in _old_texts(con, settings):
        emptied = "* REPLACE (NULL::VARCHAR AS raw, NULL::VARCHAR AS value)"
        ledger.rewrite(con, path, f"SELECT {emptied} FROM {parquet(path)}", work)
    aged = [
        found for folder in _ages(settings) for found in _aged(con, settings, folder, folder / "*.parquet")
    ]
    if aged:
        discard_candidate(settings)
    for path, kept in aged:
        ledger.rewrite(con, path, kept, work)


def screen(
    con: duckdb.DuckDBPyConnection, settings: Settings, outputs: list[tuple[Path, Path]], work: Path
) -> None:
    """Remove the records that are too old from the files of a batch, before these are put into place."""
    for written, folder in outputs:
        for path, kept in _aged(con, settings, folder, written):
            ledger.rewrite(con, path, kept, work)


def now() -> datetime:
    """Return the time from which ages are counted."""
    return datetime.now(UTC)


def _old_texts(con: duckdb.DuckDBPyConnection, settings: Settings) -> list[Path]:
    if settings.keep_rejected_days is None or not settings.rejected_path.exists():
        return []
    oldest = now().replace(tzinfo=None) - timedelta(days=settings.keep_rejected_days)
    too_old = f"coalesce(raw, value) IS NOT NULL AND rejected_at < TIMESTAMP {quoted(oldest)}"
    return ledger.holding(con, settings.rejected_path / "*.parquet", f"WHERE {too_old}")


def _aged(
    con: duckdb.DuckDBPyConnection, settings: Settings, folder: Path, files: Path
) -> list[tuple[Path, str]]:
    """Return those of these files, which are or will be of this folder, that hold records too old.

    With each, the SELECT of the records that stay.
    """
    oldest, age = horizon(settings), _ages(settings).get(folder)
    if oldest is None or age is None:
        return []
    too_old = f"{age} < TIMESTAMP {quoted(oldest)}"
    return [
        (path, f"SELECT * FROM {parquet(path)} WHERE NOT coalesce({too_old}, false)")
        for path in ledger.holding(con, files, f"WHERE {too_old}")
    ]


def _ages(settings: Settings) -> dict[Path, str]:
    """Return, for each folder of records that have an age, the SQL of the instant that it counts from."""
    return {
        ledger.raw_folder(settings, entity.name, platform.name): (
            f"coalesce({', '.join(map(named, entity.aged_by))})"
        )
        for platform in PLATFORMS.values()
        for entity in platform.entities
        if entity.aged_by
    }
