"""What was taken in, at a glance: the Markdown that an asset of Dagster shows of files and refusals.

Belongs here: a table as Markdown, escaped, so that no file name can become markup; and the two tables that
the raw and the published assets share. Does not: where the rows come from.
"""

import html
import re
from collections.abc import Iterable, Sequence

import duckdb

ROWS = 20


def last_files(connection: duckdb.DuckDBPyConnection, files: str) -> str:
    """Return the files of the newest batch in `files`, the ledger; those with most refusals first."""
    return _told(
        connection,
        f"""
        select file, status, reason, records_read, records_accepted, records_rejected
        from {files}
        where batch_id = (select max(batch_id) from {files})
        order by status <> 'rejected', records_rejected desc, file
        """,
        "The files of the last batch",
    )


def top_reasons(connection: duckdb.DuckDBPyConnection, rejected: str) -> str:
    """Return the most frequent reasons in `rejected`, which counts records_rejected."""
    return _told(
        connection,
        f"""
        select
            account_id as account, entity, reason, any_value(remedy) as remedy,
            sum(records_rejected)::bigint as records, count(distinct (batch_id, file)) as files,
            max(file) as last_file
        from {rejected}
        group by account_id, entity, reason
        order by records desc, files desc, account, entity, reason
        """,
        "The most frequent reasons",
    )


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table as Markdown: numbers with thousands, nothing as `-`, texts as text and no more."""
    names = [markdown_text(name.replace("_", " ")) for name in columns]
    lines = [names, ["---"] * len(names), *([markdown_text(value) for value in row] for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _told(connection: duckdb.DuckDBPyConnection, query: str, title: str) -> str:
    result = connection.execute(query)
    columns, rows = [column[0] for column in result.description], result.fetchmany(ROWS + 1)
    if not rows:
        return f"{title}: none"
    if len(rows) > ROWS:
        title += f", {ROWS} of them"
    return f"{title}\n\n{markdown_table(columns, rows[:ROWS])}"


def markdown_text(value: object) -> str:
    """Return a value as Markdown that shows it and nothing else: `-` for nothing, numbers with thousands."""
    if value is None:
        return "-"
    if isinstance(value, (int, float)):
        return f"{value:,.2f}".removesuffix(".00")
    return re.sub(r"([\\`*_{}\[\]()#+!|~:-])", r"\\\1", html.escape(" ".join(str(value).split())))
