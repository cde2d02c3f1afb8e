"""The tables of a release, and their Parquet: written as a whole, or where an increment changed something.

Belongs here: which tables there are, how they are ordered and divided, and what of them an increment touches.
Does not: when a release may add to the one before it, and how it replaces it (see `release`).

What an increment touched stands in the warehouse, in the models that list it. The Parquet of the large tables
is a folder with a file for each month; a month in which nothing changed is the file of the release before.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from orchestration.common.files import sync
from orchestration.common.sql import quoted
from orchestration.quality.results import COLUMNS, history
from orchestration.settings import Settings


@dataclass(frozen=True)
class Table:
    """A table of a release; where nothing is said, it is small and always written as a whole.

    - `order`: the columns that let a reader of a period skip the rest of it, of a divided table in each month
    - `day`: the column by whose months the Parquet is divided
    - `touched`: the model that lists what an increment touched, by the columns `key`
    - `made`: the model of the rows themselves that it made, all columns of them, where there is one
    - `changes_by_day`: whether all that came out otherwise lies on the days that it touched
    """

    order: str = ""
    day: str = ""
    touched: str = ""
    key: tuple[str, ...] = ()
    made: str = ""
    changes_by_day: bool = False


_CONVERSATIONS = {"touched": "int_touched_conversations", "key": ("conversation_id",)}
_DAYS = {"touched": "int_touched_days", "key": ("account_id", "report_date")}
TABLES = {
    "fct_conversations": Table("account_id, started_at", "started_on", **_CONVERSATIONS, changes_by_day=True),
    "agg_by_agent": Table(**_DAYS),
    "agg_by_tag": Table(**_DAYS),
    "csat_summary": Table(**_DAYS),
    "agg_overview": Table(**_DAYS),
    "agg_by_hour": Table(**_DAYS),
    "agg_delivery": Table(**_DAYS),
    "fct_messages": Table(
        "account_id, sent_at",
        "sent_on",
        "int_replaced_messages",
        ("message_id",),
        made="int_touched_messages",
        changes_by_day=True,
    ),
    "fct_conversation_events": Table("account_id, occurred_at", "occurred_at", **_CONVERSATIONS),
    "dim_agents": Table(),
    "dim_contacts": Table(touched="int_touched_contacts", key=("contact_key",)),
    "bridge_conversation_tags": Table(**_CONVERSATIONS),
    "ingested_files": Table(),
    "rejected_records": Table(),
}
QUALITY_RESULTS = "quality_results"  # the one published table that is not of the warehouse
# What the reports read of the tables, each with the macro that says what it holds, and its day.
LAID_OUT = {"_conversations": ("_conversations_of", "started_on"), "_counts_by_day": ("_counts_of", "day")}


def touched(name: str, database: str = "") -> str:
    """Return the condition on the rows of a table that an increment touched them; empty if nothing tells.

    `database`: what the warehouse is called, with a dot.
    """
    table = TABLES.get(name, Table())
    key = ", ".join(table.key)
    return f"({key}) in (select {key} from {database}intermediate.{table.touched})" if table.touched else ""


def touched_rows(name: str, database: str = "") -> str:
    """Return the query of the rows of a mart that an increment touched, or that have no key to tell it by.

    `database`: what the warehouse is called, with a dot.
    """
    table = TABLES[name]
    if table.made:
        return f"from {database}intermediate.{table.made}"
    without_key = " or ".join(f"{column} is null" for column in table.key)
    # Put together by "or" they would be no join to the engine, which then reads all columns of all rows.
    rows = f"from {database}marts.{name}"
    return f"{rows} where {touched(name, database)} union all {rows} where {without_key}"


def fill(connection: duckdb.DuckDBPyConnection, settings: Settings, adds: bool) -> dict[str, set[date]]:
    """Write the tables from the attached `warehouse`, or, where this `adds` to a release, what changed.

    Return the first days of the months in which something changed, of each table that is divided by them.
    """
    changed = {}
    for name, table in TABLES.items():
        write = _replace_touched if adds and table.touched else _create
        write(connection, name, table)
        if table.day:
            changed[name] = _months(connection, "_changed" if write is _replace_touched else name, table.day)
    _copy_comments(connection)
    _add_quality_results(connection, settings)
    return changed


def lay_out(connection: duckdb.DuckDBPyConnection, adds: bool) -> None:
    """Write what the reports read of all days, or of touched days anew, as `laid_out.sql` says."""
    connection.execute(Path(__file__).with_name("laid_out.sql").read_text())
    for name, (macro, day) in LAID_OUT.items():
        if adds:
            _lay_out_touched(connection, name, macro, day)
        else:
            connection.execute(
                f"create or replace table {name} as from {macro}(null, null) order by {day}, account_id"
            )


def _lay_out_touched(connection: duckdb.DuckDBPyConnection, name: str, macro: str, day: str) -> None:
    days = "select account_id, report_date from warehouse.intermediate.int_touched_days"
    first, last = connection.execute(f"select min(report_date), max(report_date) from ({days})").fetchone()
    if first is None:
        return
    among = f"where (account_id, {day}) in ({days})"
    connection.execute(f"delete from {name} {among}")
    connection.execute(
        f"insert into {name} from {macro}(date '{first}', date '{last}') {among} order by {day}, account_id"
    )


def _create(connection: duckdb.DuckDBPyConnection, name: str, table: Table) -> None:
    """Write all rows in their order, of a table divided by months one month after the other.

    So a sort has to hold a month, which fits in memory where all would be put on disk.
    """
    rows = f"from warehouse.marts.{name}"
    ordered = f"order by {table.order}" if table.order else ""
    if not table.day:
        connection.execute(f"create or replace table {name} as {rows} {ordered}")
        return
    connection.execute(f"create or replace table {name} as {rows} limit 0")
    for month in sorted(_months(connection, f"warehouse.marts.{name}", table.day)):
        connection.execute(f"insert into {name} {rows} where {_lies_in(month, table.day)} {ordered}")


def _replace_touched(connection: duckdb.DuckDBPyConnection, name: str, table: Table) -> None:
    """Replace what changed of the rows that were touched; `_changed` holds it as it was and as it is.

    Far more is measured anew than comes out otherwise; a month in which nothing did need not be written.
    """
    key = ", ".join(table.key)
    days = "select report_date from warehouse.intermediate.int_touched_days"
    by_day = f"{table.day} in ({days})" if table.changes_by_day else "true"
    # First which rows, then the rows: else all columns of all rows would be read.
    which = f"select rowid from {name} where {touched(name, 'warehouse.')} and {by_day}"
    connection.execute(
        f"create or replace temp table _was as select *, rowid as _id from {name} where rowid in ({which})"
    )
    rows = touched_rows(name, "warehouse.")
    connection.execute(f"create or replace temp table _is as from ({rows}) where {by_day}")
    was = "select * exclude (_id) from _was"
    connection.execute(
        f"create or replace temp table _changed as"
        f" (({was}) except from _is) union all by name (from _is except ({was}))"
    )
    differs = f"({key}) in (select {key} from _changed)"
    connection.execute(f"delete from {name} where rowid in (select _id from _was where {differs})")
    ordered = f"order by {table.order}" if table.order else ""
    connection.execute(f"insert into {name} by name from _is where {differs} {ordered}")


def _months(connection: duckdb.DuckDBPyConnection, name: str, day: str) -> set[date]:
    rows = connection.execute(f"select distinct date_trunc('month', {day})::date from {name}").fetchall()
    return {month for (month,) in rows}


def _lies_in(month: date, day: str) -> str:
    return f"{day} >= date '{month}' and {day} < date '{month}' + interval 1 month"


def write_parquet(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    folder: Path,
    changed: set[date],
    link_before: Callable[[Path], bool],
) -> Path:
    """Write `<name>.parquet` into the folder and return its path: a file, or a folder of months.

    A month in which nothing `changed` is the file of the release before, if `link_before` finds it.
    """
    path = folder / f"{name}.parquet"
    day = TABLES[name].day if name in TABLES else ""
    if not day:
        _copy(connection, f"from {name}", path)
        return path
    path.mkdir()
    for month in sorted(_months(connection, name, day)) or [None]:
        part = path / f"{month:%Y-%m}.parquet" if month else path / "none.parquet"
        if month in changed or not link_before(part):
            _copy(connection, f"from {name} where {_lies_in(month, day) if month else 'true'}", part)
    sync(path)
    return path


def _copy(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    connection.execute(f"copy ({query}) to {quoted(path)} (format parquet, compression zstd)")
    sync(path)


def _copy_comments(connection: duckdb.DuckDBPyConnection) -> None:
    """Give tables and columns the descriptions they have in the warehouse."""
    described = connection.execute(
        "select 'table ' || table_name as what, table_name, comment from ("
        " select table_name, database_name, schema_name, comment from duckdb_tables() union all"
        " select view_name, database_name, schema_name, comment from duckdb_views())"
        " where database_name = 'warehouse' and schema_name = 'marts' and comment is not null"
        " union all"
        " select 'column ' || table_name || '.' || column_name, table_name, comment from duckdb_columns()"
        " where database_name = 'warehouse' and schema_name = 'marts' and comment is not null"
    ).fetchall()
    for what, table, comment in described:
        if table in TABLES:
            connection.execute(f"comment on {what} is {quoted(comment)}")


def _add_quality_results(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    connection.execute(
        f"create or replace table {QUALITY_RESULTS} as from ({history(settings)})"
        " order by checked_at, run_id, table_name, check_name"
    )
    connection.execute(
        f"comment on table {QUALITY_RESULTS} is"
        " 'What the checks of every run found, published or not. One row per run and check.'"
    )
    for column, (_, description) in COLUMNS.items():
        connection.execute(f"comment on column {QUALITY_RESULTS}.{column} is {quoted(description)}")
