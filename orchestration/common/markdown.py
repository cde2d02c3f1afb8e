"""Markdown for the metadata of Dagster assets: tables of ingested files and of rejection reasons.

Belongs here: escaping, a table as Markdown, and the two tables that raw and published assets share. Does not:
the location of the rows.
"""

import html
import re
from collections.abc import Iterable, Sequence

import duckdb

ROWS = 20


def last_files(connection: duckdb.DuckDBPyConnection, files: str) -> str:
    """Return a table of the files of the latest batch in the ledger `files`, most rejections first."""
    return _query_to_markdown(
        connection,
        f"""
        select file, status, reason, records_read, records_accepted, records_rejected
        from {files}
        where batch_id = (select max(batch_id) from {files})
        order by status <> 'rejected', records_rejected desc, file
        """,
        "Files of the latest batch",
    )


def top_reasons(connection: duckdb.DuckDBPyConnection, rejected: str) -> str:
    """Return a table of the most frequent reasons in `rejected`, which has a column `records_rejected`."""
    return _query_to_markdown(
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
        "Most frequent reasons",
    )


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table as Markdown, with every cell formatted and escaped by `markdown_text`."""
    names = [markdown_text(name.replace("_", " ")) for name in columns]
    lines = [names, ["---"] * len(names), *([markdown_text(value) for value in row] for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _query_to_markdown(connection: duckdb.DuckDBPyConnection, query: str, title: str) -> str:
    result = connection.execute(query)
    columns, rows = [column[0] for column in result.description], result.fetchmany(ROWS + 1)
    if not rows:
        return f"{title}: none"
    if len(rows) > ROWS:
        title += f", first {ROWS}"
    return f"{title}\n\n{markdown_table(columns, rows[:ROWS])}"


def markdown_text(value: object) -> str:
    """Return a value as escaped Markdown: `-` for None, numbers with thousands separators."""
    if value is None:
        return "-"
    if isinstance(value, (int, float)):
        return f"{value:,.2f}".removesuffix(".00")
    return re.sub(r"([\\`*_{}\[\]()#+!|~:-])", r"\\\1", html.escape(" ".join(str(value).split())))
