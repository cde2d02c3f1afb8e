"""How long the text of refused records is kept: after that only the row with its reason stays.

Belongs here: what is too old, and emptying it. Does not: contacts to forget (`erasure`).

A refused text may hold anything, names and numbers too, and is kept only so that the export can be mended.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from orchestration.ingest import ledger
from orchestration.quoting import quoted
from orchestration.settings import Settings

EMPTIED = "NULL::VARCHAR AS raw, NULL::VARCHAR AS value"


def is_due(settings: Settings) -> bool:
    """Return whether a refused text is older than the setting allows."""
    with duckdb.connect() as con:
        return bool(_too_old(con, settings))


def apply(con: duckdb.DuckDBPyConnection, settings: Settings, work: Path) -> None:
    """Empty the texts that are too old; each file, which is of one batch and so of one age, as a whole."""
    for path in _too_old(con, settings):
        written = work / "emptied.parquet"
        con.execute(f"""
            COPY (SELECT * REPLACE ({EMPTIED}) FROM read_parquet({quoted(path)}))
            TO {quoted(written)} (FORMAT parquet, COMPRESSION zstd)""")
        ledger.put(written, path)


def now() -> datetime:
    """Return the time by which texts are too old."""
    return datetime.now(UTC)


def _too_old(con: duckdb.DuckDBPyConnection, settings: Settings) -> list[Path]:
    if settings.keep_rejected_days is None or not settings.rejected_path.exists():
        return []
    found = con.execute(
        """
        SELECT DISTINCT filename FROM read_parquet(?, filename = true, union_by_name = true)
        WHERE coalesce(raw, value) IS NOT NULL AND rejected_at < ?
        ORDER BY filename""",
        [
            str(settings.rejected_path / "*.parquet"),
            now().replace(tzinfo=None) - timedelta(days=settings.keep_rejected_days),
        ],
    )
    return [Path(path) for (path,) in found.fetchall()]
