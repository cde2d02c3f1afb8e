"""Building a release: a verified copy of the candidate with the report macros.

Belongs here: what is added to the copy, and its verification. Does not: whether the candidate can be
published (`preconditions`), the Parquet files (`parquet`), and the swap (`store`).
"""

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import duckdb

from orchestration.common.files import copy, link, sync
from orchestration.common.sql import quoted
from orchestration.ingest.raw_store.erasure import state_digest
from orchestration.publish.contracts import SCHEMA, contracts
from orchestration.publish.parquet import write_parquet
from orchestration.publish.reader import FILE
from orchestration.publish.release import (
    RELEASE_FILE,
    RELEASES,
    PublishError,
    Release,
    with_digests,
    write_release,
)
from orchestration.publish.report_macros import macro_statements
from orchestration.publish.tables import PUBLISHED, QUALITY_RESULTS, TABLES
from orchestration.quality.results import COLUMNS, history
from orchestration.settings import PROJECT, Settings
from orchestration.warehouse.candidate import Build, builds_since

# Names of columns, and of fields within them, that suggest personal data.
PERSONAL = re.compile(
    r"(?<![a-z])(e_?mail|phone|mobile|first_name|last_name|full_name|contact_name|from_number|to_number|address"
    r"|body|text|comment)(?![a-z])",
    re.IGNORECASE,
)


def build_release(
    settings: Settings,
    build: Build,
    release_id: str,
    published_at: datetime,
    checks: Mapping[str, Sequence[str]],
    file: Path,
    folder: Path,
    before: Release | None,
) -> Release:
    """Write the `file` and the `folder` of a release, verify them, and return the release.

    - `build`: the last build of the candidate
    - `before`: the current release, whose unchanged Parquet files are linked; None to write all files

    Raises `PublishError` if the verification fails.
    """
    folder.mkdir()
    expected = _copy_candidate(settings, file)
    with _connect(settings, file) as connection:
        _add_quality_results(connection, settings)
        release = _describe(settings, connection, build, release_id, published_at, checks)
        connection.execute(_release_macro(release))
        for statements in macro_statements():
            connection.execute(statements)
        connection.execute("checkpoint")
    with _connect(settings, file, read_only=True) as connection:
        _verify(connection, release, expected)
        (folder / SCHEMA).write_text(json.dumps(contracts(connection, release_id), indent=2) + "\n")
        if release.parquet:
            builds = builds_since(settings, before.build_id) if before else None
            kept = settings.published_path / before.folder if before else None
            write_parquet(connection, release.rows, folder, kept, builds)
    file.chmod(0o444)
    sync(file)
    link(file, folder / FILE)
    release = with_digests(release, folder, before)
    write_release(release, folder / RELEASE_FILE)
    sync(folder / RELEASE_FILE)
    sync(folder)
    return release


def _copy_candidate(settings: Settings, file: Path) -> dict[str, int]:
    """Copy the candidate to `file`, and return the row count of each `<schema>.<table>`."""
    candidate = settings.candidate_path
    if candidate.with_name(f"{candidate.name}.wal").exists():  # a crash left changes in the write-ahead log
        with duckdb.connect(candidate) as connection:
            connection.execute("checkpoint")
    with duckdb.connect(
        candidate, read_only=True
    ) as connection:  # an open connection prevents writes by other processes
        rows = _row_counts(connection)
        copy(candidate, file)
    missing = [table for table in TABLES if f"main.{table}" not in rows]
    if missing:
        raise PublishError(f"The candidate has no table {', '.join(missing)}: build the marts first.")
    return rows


def _connect(settings: Settings, file: Path, **options: bool) -> duckdb.DuckDBPyConnection:
    limits = {"memory_limit": settings.memory_limit, "threads": settings.threads}
    return duckdb.connect(file, config=limits, **options)


def _describe(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    build: Build,
    release_id: str,
    published_at: datetime,
    checks: Mapping[str, Sequence[str]],
) -> Release:
    rows = _row_counts(connection)
    accounts = connection.execute(
        "select account_id, time_zone, strftime(latest, '%Y-%m-%dT%H:%M:%SZ') from dim_accounts"
        " left join (select account_id, max(sent_at) as latest from fct_messages group by account_id)"
        " using (account_id) order by account_id"
    ).fetchall()
    files = connection.execute("select count(distinct file_id) from ingested_files").fetchone()[0]
    return Release(
        release_id=release_id,
        published_at=f"{published_at:%Y-%m-%dT%H:%M:%SZ}",
        data_through=max((latest for _, _, latest in accounts if latest), default=None),
        accounts={account: {"time_zone": zone, "data_through": latest} for account, zone, latest in accounts},
        rows={table: rows[f"main.{table}"] for table in PUBLISHED},
        checks={outcome: sorted(checks.get(outcome, ())) for outcome in ("passed", "warned")},
        source_files=files,
        code_version=_code_version(),
        fingerprint=build.fingerprint or "",
        parquet=f"{RELEASES}/{release_id}" if settings.parquet else None,
        build_id=build.build_id,
        erasures=state_digest(settings),
    )


def _release_macro(release: Release) -> str:
    """Return the SQL of the macro `release()`, a table with one row that identifies the release."""
    return f"""create or replace macro release() as table select
        {quoted(release.release_id)} as release_id,
        {quoted(release.published_at)}::timestamp as published_at,
        {quoted(release.data_through)}::timestamp as data_through,
        {release.source_files}::bigint as source_files,
        {len(release.checks["passed"])} as checks_passed,
        {len(release.checks["warned"])} as checks_warned,
        {quoted(release.code_version)} as code_version,
        {quoted(release.fingerprint)} as fingerprint,
        {quoted(release.build_id)} as build_id,
        {quoted(release.parquet)}::varchar as parquet;
        comment on macro table release is 'The release of this file. One row.'"""


def _add_quality_results(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    connection.execute(
        f"create table {QUALITY_RESULTS} as from ({history(settings)})"
        " order by checked_at, run_id, table_name, check_name"
    )
    connection.execute(
        f"comment on table {QUALITY_RESULTS} is"
        " 'The check results of every run, published or not. One row per run and check.'"
    )
    for column, (_, description) in COLUMNS.items():
        connection.execute(f"comment on column {QUALITY_RESULTS}.{column} is {quoted(description)}")


def _verify(connection: duckdb.DuckDBPyConnection, release: Release, candidate: Mapping[str, int]) -> None:
    """Read the new file like a user. Raise `PublishError` with the first problem."""
    columns = connection.execute(
        "select table_name || '.' || column_name, column_name || ' ' || data_type from duckdb_columns()"
        " where not internal"
    ).fetchall()
    personal = [column for column, described in columns if PERSONAL.search(described)]
    if personal:
        raise PublishError(
            f"{', '.join(personal)}: the name suggests personal data, which must not be published. Remove it"
            " from the mart, or rename it."
        )
    last = connection.execute("select max_by(build_id, build_number) from build.builds").fetchone()[0]
    if last != release.build_id:
        raise PublishError(f"Build {last} began during the publication of {release.build_id}. Run again.")
    rows = _row_counts(connection)
    for table, expected in candidate.items():
        if rows.get(table) != expected:
            raise PublishError(
                f"{table.removeprefix('main.')}: {rows.get(table)} rows in the release, expected {expected}."
                " Run again."
            )
    for call, arguments in _report_calls(connection, release):
        connection.execute(call, arguments).fetchall()


def _report_calls(
    connection: duckdb.DuckDBPyConnection, release: Release
) -> list[tuple[str, dict[str, str]]]:
    """Return a query of every report macro with its required arguments."""
    day = (release.data_through or release.published_at)[:10]
    needed = {"from_date": day, "to_date": day, "conversation": ""}
    macros = connection.execute(
        "select function_name, parameters from duckdb_functions()"
        " where not internal and function_type = 'table_macro' and function_name not like '\\_%' escape '\\'"
    ).fetchall()
    calls = []
    for name, parameters in macros:
        arguments = {parameter: needed[parameter] for parameter in parameters if parameter in needed}
        passed = ", ".join(f"{parameter} := ${parameter}" for parameter in arguments)
        calls.append((f"from {name}({passed})", arguments))
    return calls


def _row_counts(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Return the row count of each `<schema>.<table>`."""
    tables = connection.execute("select schema_name, table_name from duckdb_tables()").fetchall()
    return {
        f"{schema}.{table}": connection.execute(f'select count(*) from "{schema}"."{table}"').fetchone()[0]
        for schema, table in tables
    }


def _code_version() -> str:
    """Return the commit of the code, with `-dirty` if files differ from it, or `unknown` without git."""
    try:
        command = ["git", "-C", str(PROJECT), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
