"""The tables of a release as Parquet: one file per table, or one per month for large tables.

Belongs here: how tables are divided, and which files are linked instead of written. Does not: the list of
tables (`tables`).
"""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import duckdb

from orchestration.common.files import link, sync
from orchestration.common.sql import quoted
from orchestration.publish.release import PublishError

MONTHLY = {  # the column by whose months a table is divided
    "fct_conversations": "started_on",
    "fct_customer_turns": "asked_on",
    "fct_messages": "sent_on",
    "fct_conversation_events": "occurred_at",
}


def write_parquet(
    connection: duckdb.DuckDBPyConnection,
    rows: Mapping[str, int],
    folder: Path,
    before: Path | None = None,
    builds: Sequence[str] | None = None,
) -> None:
    """Write `<table>.parquet` into the folder for each table in `rows`, which has its row count.

    A month that none of `builds` changed is linked from `before`, the folder of the previous release. All
    months are written if `builds` is None, and any that is missing there. Raises `PublishError` if row counts
    differ.
    """
    for table, expected in rows.items():
        path = folder / f"{table}.parquet"
        if table in MONTHLY:
            _write_months(connection, table, path, before, builds)
        else:
            _write(connection, f"from {table}", path)
        found = connection.execute(f"select count(*) from read_parquet({quoted(path)})").fetchone()[0]
        if found != expected:
            raise PublishError(
                f"{table}: {found} rows in its Parquet, expected {expected}. Run `make full-refresh`."
            )


def _write_months(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    path: Path,
    before: Path | None,
    builds: Sequence[str] | None,
) -> None:
    path.mkdir()
    day = MONTHLY[table]
    changed = None if builds is None else _changed_months(connection, table, builds)
    months = _months(connection, f"select {day} from {table}")
    for month in sorted(months - {None}):
        part = path / f"{month:%Y-%m}.parquet"
        kept = before / path.name / part.name if before else part
        if changed is None or month in changed or not kept.exists():
            in_month = f"{day} >= date '{month}' and {day} < date '{month}' + interval 1 month"
            _write(connection, f"from {table} where {in_month}", part)
        else:
            link(kept, part)
    if None in months or not months:
        _write(connection, f"from {table} where {day} is null", path / "none.parquet")
    sync(path)


def _changed_months(
    connection: duckdb.DuckDBPyConnection, table: str, builds: Sequence[str]
) -> set[date | None]:
    days = "select changed_on from build.changes where table_name = ? and list_contains(?, build_id)"
    return _months(connection, days, [table, list(builds)])


def _months(
    connection: duckdb.DuckDBPyConnection, days: str, values: Sequence[object] = ()
) -> set[date | None]:
    """Return the first days of the months of a query's only column."""
    query = f"select distinct date_trunc('month', t.day)::date from ({days}) as t(day)"
    return {month for (month,) in connection.execute(query, values).fetchall()}


def _write(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    connection.execute(f"copy ({query}) to {quoted(path)} (format parquet, compression zstd)")
    sync(path)
