"""Reading again what was taken in before: which files are meant, and removing what the new reading replaces.

Belongs here: the choice of files and its refusals, and taking the earlier rows out of raw/, rejected/ and the
ledger. Does not: the reading itself, which is that of any batch (`run`).

The chosen files are read as part of a new batch. Before it is committed a note names it and the contents that
it brings anew; after it, their earlier rows are removed, the ledger's last, and then the note. So nothing is
ever gone before its successor counts, and after a crash the next ingest goes on where the note says.
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

MOST = 10  # names that a refusal lists

# By field of the choice, when a row of the ledger fits one of its values.
_FITS = {
    "accounts": "account_id = value",
    "entities": "entity = value",
    "files": "(file = value OR file GLOB value)",
    # A batch, or the name of a Parquet file, which may hold several of them or be the second of one.
    "batches": f"""batch_id BETWEEN regexp_extract(value, '^(?:.*{ledger.FROM})?(\\w+)', 1)
        AND regexp_extract(value, '^(\\w+)', 1)""",
}


class ReplayError(Exception):
    """The files cannot be read again as asked; nothing was touched, and the message says what to do."""


class Again(Config):
    """Which of the files that were taken in are read again: those that fit everything that is given.

    A Dagster config, so that the UI and the command line show the same fields with the same words.
    """

    accounts: list[str] = Field([], description="accounts, as in accounts.csv; empty: all")
    entities: list[str] = Field([], description="entities that a file holds, such as messages; empty: all")
    files: list[str] = Field(
        [],
        description="names under landing, * and ? allowed, such as demo/messages/2025-1*; empty: all",
    )
    batches: list[str] = Field(
        [], description="batches, as in ingested_files or in the names of raw files; empty: all"
    )
    from_day: str = Field(
        "", description="files with a record of this local day, YYYY-MM-DD, or of a later one"
    )
    to_day: str = Field(
        "",
        description="files with a record of this local day, YYYY-MM-DD, or of an earlier one",
    )
    everything: bool = Field(False, description="all files; goes with no other choice")
    force: bool = Field(
        False,
        description="even if landing no longer holds all of them: those that it lacks stay as they were read",
    )

    def limits(self) -> tuple[date | None, date | None]:
        """Return the days, or None for each that is not set. Raises `ReplayError` for what makes no sense."""
        chosen = any([*(getattr(self, field) for field in _FITS), self.from_day, self.to_day])
        if not chosen and not self.everything:
            raise ReplayError(
                "Nothing was chosen to be read again: give accounts, entities, files, batches or days,"
                " or say everything."
            )
        if chosen and self.everything:
            raise ReplayError("everything goes with no other choice: leave the others empty.")
        first, last = _day("from_day", self.from_day), _day("to_day", self.to_day)
        if first and last and first > last:
            raise ReplayError(f"from_day {first} is later than to_day {last}: swap them.")
        return first, last


def choose(
    con: duckdb.DuckDBPyConnection, settings: Settings, accounts: dict[str, Account], again: Again
) -> dict[FileContent, str | None]:
    """Return the chosen contents, each with the name under which it was loaded, None if it was refused.

    Raises `ReplayError` for a choice that makes no sense, or fits nothing.
    """
    first, last = again.limits()
    rows = parquet(ledger.ledger_folder(settings) / "*.parquet")
    parameters = {field: getattr(again, field) for field in _FITS}
    values = {field: f"SELECT unnest(CAST(${field} AS VARCHAR[])) AS value" for field in _FITS}
    for field, fits in _FITS.items():
        strangers = con.execute(
            f"""SELECT value FROM ({values[field]})
            WHERE NOT EXISTS (FROM {rows} WHERE {fits}) ORDER BY value""",
            {field: parameters[field]},
        ).fetchall()
        if strangers:
            named = ", ".join(value for (value,) in strangers)
            raise ReplayError(
                f"{field}: nothing that was taken in is of {named}; see the table ingested_files."
            )
    zones = " ".join(f"WHEN {quoted(name)} THEN {quoted(a.time_zone)}" for name, a in accounts.items())
    day = f"CAST(timezone(CASE account_id {zones} ELSE 'UTC' END, timezone('UTC', %s)) AS DATE)"
    conditions = [
        f"(len(${field}) = 0 OR EXISTS (FROM ({values[field]}) WHERE {fits}))"
        for field, fits in _FITS.items()
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
    if not found and not again.everything:
        raise ReplayError("No file that was taken in fits all that was chosen; see the table ingested_files.")
    return {row[:3]: row[3] for row in found}


def listed(names: list[str]) -> str:
    """Return these names, a line each; of many, the first."""
    more = [f"  and {len(names) - MOST:,} more"] if len(names) > MOST else []
    return "\n".join([f"  {name}" for name in sorted(names)[:MOST]] + more)


def note(settings: Settings, work: Path, batch_id: str, contents: set[FileContent]) -> None:
    """Write down, before the batch is committed, of which contents the earlier rows are to go after it."""
    written = work / "replay.json"
    written.write_text(json.dumps({"batch_id": batch_id, "contents": sorted(contents)}))
    files.replace(written, _note(settings))


def finish(con: duckdb.DuckDBPyConnection, settings: Settings, work: Path) -> None:
    """Remove the earlier rows of what the noted batch brought anew; nothing where that never counted.

    A file of raw/ whose rows all go is removed unread, so that one which cannot be read can be replaced.
    """
    if not _note(settings).exists():
        return
    noted = json.loads(_note(settings).read_text())
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
        SELECT batch_id, platform, entity, status, ({CONTENT}) IN (FROM replaced) AS goes
        FROM {rows} WHERE batch_id < {quoted(batch_id)}""")
    lineage = "_account_id, split_part(_file, '/', 2), _file_id"
    raw = con.execute(
        "SELECT DISTINCT entity, platform FROM earlier WHERE goes AND status = 'loaded'"
    ).fetchall()
    for entity, platform in sorted(raw):
        loaded = f"status = 'loaded' AND entity = {quoted(entity)} AND platform = {quoted(platform)}"
        _remove(con, ledger.raw_folder(settings, entity, platform), loaded, lineage, work)
    for folder in (settings.rejected_path, ledger.ledger_folder(settings)):
        _remove(con, folder, "true", CONTENT, work)


def _remove(con: duckdb.DuckDBPyConnection, folder: Path, earlier: str, content: str, work: Path) -> None:
    """Write the folder's files anew without the rows of the replaced contents, or remove them.

    `earlier` is the condition of what the files hold by the ledger.
    """
    batches = con.execute(f"""
        SELECT batch_id, bool_and(goes), bool_or(goes) FROM earlier
        WHERE {earlier} GROUP BY ALL""").fetchall()
    for path in ledger.parquet_files(folder):
        first, last = ledger.span(path)
        held = [(all_go, some_go) for batch, all_go, some_go in batches if first <= batch <= last]
        if held and all(all_go for all_go, _ in held):
            path.unlink()
        elif any(some_go for _, some_go in held):
            rows, goes = parquet(path), f"({content}) IN (FROM replaced)"
            if con.execute(f"SELECT count(*) FROM {rows} WHERE {goes}").fetchone()[0]:
                ledger.rewrite(con, path, f"SELECT * FROM {rows} WHERE NOT {goes}", work)


def _note(settings: Settings) -> Path:
    return settings.raw_path / "replay.json"


def _day(field: str, text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise ReplayError(f"{field} {text!r} is no day: write YYYY-MM-DD.") from None
