"""Retention of ingested data: the texts of rejected records, and records older than a limit.

Belongs here: which data is too old, and removing it. Does not: contacts to erase (`erasure`).

The text of a rejected record can contain personal data and is kept only to correct the export. After its
removal the row with the reason remains. A record that is too old is removed from raw/ and so from the
reports. The ledger does not change: it lists what was ingested, not what is kept.
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
    """Return whether the text of a rejected record is too old. For other records, see `horizon`."""
    with duckdb.connect() as con:
        return bool(_old_texts(con, settings))


def horizon(settings: Settings) -> datetime | None:
    """Return the UTC instant before which records are removed, or None if they are kept forever.

    It is the first day of a month, so that files are rewritten once a month instead of every day.
    """
    if settings.keep_raw_days is None:
        return None
    last = now() - timedelta(days=settings.keep_raw_days)
    return datetime(last.year, last.month, 1)


def apply(con: duckdb.DuckDBPyConnection, settings: Settings, work: Path) -> None:
    """Remove data that is too old from all ingested data."""
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


def apply_to_batch(
    con: duckdb.DuckDBPyConnection, settings: Settings, outputs: list[tuple[Path, Path]], work: Path
) -> None:
    """Remove records that are too old from the files of a batch, before they are moved into place."""
    for written, folder in outputs:
        for path, kept in _aged(con, settings, folder, written):
            ledger.rewrite(con, path, kept, work)


def now() -> datetime:
    """Return the current time, relative to which ages are computed."""
    return datetime.now(UTC)


def _old_texts(con: duckdb.DuckDBPyConnection, settings: Settings) -> list[Path]:
    if settings.keep_rejected_days is None or not settings.rejected_path.exists():
        return []
    oldest = now().replace(tzinfo=None) - timedelta(days=settings.keep_rejected_days)
    too_old = f"coalesce(raw, value) IS NOT NULL AND rejected_at < TIMESTAMP {quoted(oldest)}"
    return ledger.find_files_with(con, settings.rejected_path / "*.parquet", f"WHERE {too_old}")


def _aged(
    con: duckdb.DuckDBPyConnection, settings: Settings, folder: Path, files: Path
) -> list[tuple[Path, str]]:
    """Return the files, current or future of this folder, with records that are too old.

    Each comes with the SELECT of the records to keep.
    """
    oldest, age = horizon(settings), _ages(settings).get(folder)
    if oldest is None or age is None:
        return []
    too_old = f"{age} < TIMESTAMP {quoted(oldest)}"
    return [
        (path, f"SELECT * FROM {parquet(path)} WHERE NOT coalesce({too_old}, false)")
        for path in ledger.find_files_with(con, files, f"WHERE {too_old}")
    ]


def _ages(settings: Settings) -> dict[Path, str]:
    """Return the SQL of the instant that the age counts from, for each folder of records with an age."""
    return {
        ledger.raw_folder(settings, entity.name, platform.name): (
            f"coalesce({', '.join(map(named, entity.aged_by))})"
        )
        for platform in PLATFORMS.values()
        for entity in platform.entities
        if entity.aged_by
    }
