"""Replay: ingest files again and replace their records.

Belongs here: the selection of files and its errors, and removing the earlier rows from raw/, rejected/ and
the ledger. Does not: the ingest, which is the same as for new files (`pipeline`).

The selected files are ingested as part of a new batch. Before its commit, a note with the batch and its
replayed contents is written. After it, the earlier rows are removed, those of the ledger last, and then the
note. So no row is removed before its replacement is committed, and after a crash the next ingest continues
from the note.
"""

import json
from datetime import date
from pathlib import Path

import duckdb
from dagster import Config
from pydantic import Field

from orchestration.common import files
from orchestration.common.candidate_files import discard_candidate
from orchestration.common.sql import parquet, quoted
from orchestration.ingest.raw_store import ledger
from orchestration.ingest.raw_store.ledger import CONTENT, FileContent
from orchestration.ingest.seeds import Account
from orchestration.settings import Settings

MAX_LISTED = 10  # names in an error message

# Option → SQL of whether a row of the ledger matches one of its values.
_MATCHES = {
    "accounts": "account_id = value",
    "entities": "entity = value",
    "files": "(file = value OR file GLOB value)",
    # A batch id, or the name of a Parquet file, which can contain several batches or a part of one.
    "batches": f"""batch_id BETWEEN regexp_extract(value, '^(?:.*{ledger.FROM})?(\\w+)', 1)
        AND regexp_extract(value, '^(\\w+)', 1)""",
}


class ReplayError(Exception):
    """The files cannot be replayed as requested. Nothing was changed. The message has the remedy."""


class ReplaySelection(Config):
    """The ingested files to ingest again: those that match all options.

    It is a Dagster config, so that the UI and the command line have the same options and descriptions.
    """

    accounts: list[str] = Field([], description="accounts of accounts.csv; empty: all")
    entities: list[str] = Field([], description="entities in a file, such as messages; empty: all")
    files: list[str] = Field(
        [],
        description="paths in landing with wildcards * and ?, such as demo/messages/2025-1*; empty: all",
    )
    batches: list[str] = Field([], description="batches of ingested_files or of raw file names; empty: all")
    from_day: str = Field("", description="files with a record on or after this local day, YYYY-MM-DD")
    to_day: str = Field(
        "",
        description="files with a record on or before this local day, YYYY-MM-DD",
    )
    everything: bool = Field(False, description="all files; cannot be combined with the options above")
    force: bool = Field(
        False,
        description="continue if files are no longer in landing; they keep their current records",
    )

    def limits(self) -> tuple[date | None, date | None]:
        """Return the first and last day, None if not set. Raises `ReplayError` for invalid options."""
        is_limited = any([*(getattr(self, field) for field in _MATCHES), self.from_day, self.to_day])
        if not is_limited and not self.everything:
            raise ReplayError(
                "No files are selected: set accounts, entities, files, batches or days, or set everything."
            )
        if is_limited and self.everything:
            raise ReplayError("everything cannot be combined with other options: leave those empty.")
        first, last = _day("from_day", self.from_day), _day("to_day", self.to_day)
        if first and last and first > last:
            raise ReplayError(f"from_day {first} is later than to_day {last}: swap them.")
        return first, last


def choose(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    accounts: dict[str, Account],
    selection: ReplaySelection,
) -> dict[FileContent, str | None]:
    """Return the selected contents, each with its file name when it was loaded, or None if it was rejected.

    Raises `ReplayError` if the options are invalid or match no file.
    """
    first, last = selection.limits()
    rows = parquet(ledger.ledger_folder(settings) / "*.parquet")
    parameters = {field: getattr(selection, field) for field in _MATCHES}
    values = {field: f"SELECT unnest(CAST(${field} AS VARCHAR[])) AS value" for field in _MATCHES}
    for field, matches in _MATCHES.items():
        unknown = con.execute(
            f"""SELECT value FROM ({values[field]})
            WHERE NOT EXISTS (FROM {rows} WHERE {matches}) ORDER BY value""",
            {field: parameters[field]},
        ).fetchall()
        if unknown:
            named = ", ".join(value for (value,) in unknown)
            raise ReplayError(f"{field}: no ingested file matches {named}; see the table ingested_files.")
    zones = " ".join(f"WHEN {quoted(name)} THEN {quoted(a.time_zone)}" for name, a in accounts.items())
    day = f"CAST(timezone(CASE account_id {zones} ELSE 'UTC' END, timezone('UTC', %s)) AS DATE)"
    conditions = [
        f"(len(${field}) = 0 OR EXISTS (FROM ({values[field]}) WHERE {matches}))"
        for field, matches in _MATCHES.items()
    ]
    if first:
        conditions.append(f"{day % 'last_at'} >= DATE {quoted(first)}")
    if last:
        conditions.append(f"{day % 'first_at'} <= DATE {quoted(last)}")
    found = con.execute(
        f"""WITH ledger AS (FROM {rows})
        SELECT {CONTENT}, max(file) FILTER (status = 'loaded') FROM ledger
        WHERE ({CONTENT}) IN (SELECT ({CONTENT}) FROM ledger WHERE {" AND ".join(conditions)})
        GROUP BY {CONTENT}""",
        parameters,
    ).fetchall()
    if not found and not selection.everything:
        raise ReplayError("No ingested file matches all options; see the table ingested_files.")
    return {row[:3]: row[3] for row in found}


def format_names(names: list[str]) -> str:
    """Return the first of these names, one per line, and the number of the others."""
    more = [f"  and {len(names) - MAX_LISTED:,} more"] if len(names) > MAX_LISTED else []
    return "\n".join([f"  {name}" for name in sorted(names)[:MAX_LISTED]] + more)


def write_note(settings: Settings, work: Path, batch_id: str, contents: set[FileContent]) -> None:
    """Write the note with the contents whose earlier rows are removed after the commit of the batch."""
    written = work / "replay.json"
    written.write_text(json.dumps({"batch_id": batch_id, "contents": sorted(contents)}))
    files.replace(written, _note(settings))


def finish(con: duckdb.DuckDBPyConnection, settings: Settings, work: Path) -> None:
    """Remove the earlier rows of the contents in the note, unless the batch was not committed.

    A file of raw/ whose rows are all replaced is removed without reading it, so a damaged file can be
    replaced.
    """
    if not _note(settings).exists():
        return
    try:
        noted = json.loads(_note(settings).read_text())
    except ValueError:
        raise ledger.RawStoreError(f"{_note(settings)}: the file is damaged. {ledger.REMEDY}") from None
    if (ledger.ledger_folder(settings) / f"{noted['batch_id']}.parquet").exists():
        discard_candidate(settings)
        _remove_rows(con, settings, work, noted["batch_id"])
    _note(settings).unlink()


def _remove_rows(con: duckdb.DuckDBPyConnection, settings: Settings, work: Path, batch_id: str) -> None:
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE replaced AS
        SELECT content[1] AS account_id, content[2] AS folder, content[3] AS file_id
        FROM (SELECT unnest(contents) AS content FROM read_json({quoted(_note(settings))},
            columns = {{'batch_id': 'VARCHAR', 'contents': 'VARCHAR[][]'}}))""")
    rows = parquet(ledger.ledger_folder(settings) / "*.parquet")
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE earlier AS
        SELECT batch_id, platform, entity, status, ({CONTENT}) IN (FROM replaced) AS is_replaced
        FROM {rows} WHERE batch_id < {quoted(batch_id)}""")
    lineage = "_account_id, split_part(_file, '/', 2), _file_id"
    raw = con.execute(
        "SELECT DISTINCT entity, platform FROM earlier WHERE is_replaced AND status = 'loaded'"
    ).fetchall()
    for entity, platform in sorted(raw):
        loaded = f"status = 'loaded' AND entity = {quoted(entity)} AND platform = {quoted(platform)}"
        _remove(con, ledger.raw_folder(settings, entity, platform), loaded, lineage, work)
    for folder in (settings.rejected_path, ledger.ledger_folder(settings)):
        _remove(con, folder, "true", CONTENT, work)


def _remove(con: duckdb.DuckDBPyConnection, folder: Path, earlier: str, content: str, work: Path) -> None:
    """Rewrite the files of a folder without the rows of the replaced contents, or remove them.

    `earlier` is the SQL condition of the ledger rows whose records are in this folder.
    """
    batches = con.execute(f"""
        SELECT batch_id, bool_and(is_replaced), bool_or(is_replaced) FROM earlier
        WHERE {earlier} GROUP BY ALL""").fetchall()
    for path in ledger.parquet_files(folder):
        first, last = ledger.span(path)
        states = [(every, some) for batch, every, some in batches if first <= batch <= last]
        if states and all(every for every, _ in states):
            path.unlink()
        elif any(some for _, some in states):
            rows, is_replaced = parquet(path), f"({content}) IN (FROM replaced)"
            if con.execute(f"SELECT count(*) FROM {rows} WHERE {is_replaced}").fetchone()[0]:
                ledger.rewrite(con, path, f"SELECT * FROM {rows} WHERE NOT {is_replaced}", work)


def _note(settings: Settings) -> Path:
    return settings.raw_path / "replay.json"


def _day(field: str, text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise ReplayError(f"{field} {text!r} is not a date: write YYYY-MM-DD.") from None
