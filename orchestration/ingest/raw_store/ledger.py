"""The ledger: which files were ingested by which batch. The ledger file of a batch is its commit.

Belongs here: the columns of the ledger and of rejected records, batch ids, the batches in the name of a
Parquet file, and moving the files of a batch into place so that a crash loses nothing and loads nothing
twice. Does not: the content of the files.

The Parquet files of a batch are moved into place first, and its ledger file last. Files of a batch newer than
the latest ledger file are left by a crash and are removed before the next batch. So are the files that a
compacted file replaces.
"""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import duckdb

from orchestration.common import files
from orchestration.common.sql import parquet, quoted
from orchestration.ingest.parsing.typing import named, raw_columns
from orchestration.ingest.platforms import PLATFORMS
from orchestration.ingest.raw_store import known_states
from orchestration.ingest.sources.local import LandedFile
from orchestration.settings import Settings

LEDGER = {
    "file_id": "VARCHAR",
    "account_id": "VARCHAR",
    "platform": "VARCHAR",
    "entity": "VARCHAR",
    "file": "VARCHAR",
    "bytes": "BIGINT",
    "modified_at": "TIMESTAMP",
    "status": "VARCHAR",
    "reason": "VARCHAR",
    "records_read": "BIGINT",
    "records_accepted": "BIGINT",
    "records_rejected": "BIGINT",
    "unknown_fields": "VARCHAR[]",
    "first_at": "TIMESTAMP",
    "last_at": "TIMESTAMP",
    "batch_id": "VARCHAR",
    "ingested_at": "TIMESTAMP",
}

REJECTED = {
    "account_id": "VARCHAR",
    "platform": "VARCHAR",
    "entity": "VARCHAR",
    "file": "VARCHAR",
    "file_id": "VARCHAR",
    "line": "BIGINT",
    "field": "VARCHAR",
    "value": "VARCHAR",
    "reason": "VARCHAR",
    "remedy": "VARCHAR",
    "raw": "VARCHAR",
    "batch_id": "VARCHAR",
    "rejected_at": "TIMESTAMP",
}

# A rejection in one sentence. The reason begins with the field and never quotes the export; the value does.
REASON_TEXT = """case when value is null then reason when field is null then reason || ': ' || value
    else field || ' "' || value || '"' || substr(reason, length(field) + 1) end"""

# Options of every Parquet file of a batch. A dictionary pays off for repeated values; trying one on ids costs
# more than the rest of the write. Small row groups fit in the processor's cache.
PARQUET = (
    "(FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, DICTIONARY_SIZE_LIMIT 1000, ROW_GROUP_SIZE 61440)"
)

FROM = "-from-"  # in the name of a compacted file, between its last batch and its first

_BATCH = "%Y%m%dT%H%M%S%fZ"
_EMPTY = "empty.parquet"  # Spark ignores files with a leading underscore


# The key of a content: account, folder and id; and its SQL on the ledger's columns.
FileContent = tuple[str, str, str]
CONTENT = "account_id, split_part(file, '/', 2), file_id"

Identity = tuple[str, str, str, str]  # account, folder, entity and id of a content, loaded once


@dataclass
class FileOutcome:
    """The outcome of a file: its row in the ledger. Times are microseconds since 1970."""

    file_id: str
    account_id: str
    platform: str
    entity: str
    file: str
    bytes: int
    modified_us: int
    ingested_us: int
    status: Literal["loaded", "rejected", "duplicate"] = "loaded"
    reason: str | None = None
    remedy: str | None = None
    value: str | None = None
    records_read: int = 0
    records_accepted: int = 0
    records_rejected: int = 0
    unknown_fields: list[str] = field(default_factory=list)
    first_us: int | None = None
    last_us: int | None = None

    @classmethod
    def of(cls, file: LandedFile, file_id: str, ingested_us: int) -> "FileOutcome":
        """Return the initial outcome of a file with this content, first ingested at this time."""
        account = file.account
        return cls(
            file_id,
            account.account_id,
            account.platform.name,
            file.source.entity.name,
            file.name,
            file.size,
            file.modified_us,
            ingested_us,
        )

    @property
    def identity(self) -> Identity:
        """The key by which a content is loaded once: account, folder, entity and content id."""
        return self.account_id, self.file.split("/")[1], self.entity, self.file_id

    def reject(self, reason: str, remedy: str, value: str | None = None) -> None:
        """Reject the whole file: none of its records counts. Only `value` may quote the file."""
        self.status, self.reason, self.remedy, self.value = "rejected", reason, remedy, value
        self.records_read = self.records_accepted = self.records_rejected = 0
        self.first_us = self.last_us = None
        self.unknown_fields = []


_SQL_TYPES = {int: "BIGINT", int | None: "BIGINT", list[str]: "VARCHAR[]"}  # all others are VARCHAR


@dataclass(frozen=True)
class Seen:
    """The files of earlier batches.

    - `states`: name, size and modified_us of each file → content id
    - `loaded`: the identity of each loaded content
    - `first_ingested`: key of each content → time of its first ingestion, in microseconds since 1970
    """

    states: known_states.States
    loaded: set[Identity]
    first_ingested: dict[FileContent, int]


def ledger_folder(settings: Settings) -> Path:
    """Return the folder of the ledger's Parquet files."""
    return settings.raw_path / "ingested_files"


def raw_folder(settings: Settings, entity: str, platform: str) -> Path:
    """Return the folder of an entity's raw files."""
    return settings.raw_path / entity / platform


REMEDY = (
    "Restore it from a backup, or run `make full-refresh FORCE=1`, which reads landing again. The records of"
    " files that are no longer in landing are then lost."
)


class RawStoreError(Exception):
    """A file of raw/ or rejected/ is missing or cannot be read. The message has its path and the remedy."""


@contextmanager
def explain_errors(settings: Settings) -> Iterator[None]:
    """Convert engine errors caused by a damaged file into a `RawStoreError`; raise one without a ledger."""
    batches = next((path for folder in folders(settings) for path in parquet_files(folder)), None)
    if batches and not any(ledger_folder(settings).glob("*.parquet")):
        raise RawStoreError(
            f"{ledger_folder(settings)}: the ledger is missing, without which the records in {batches.parent}"
            f" do not count. {REMEDY}"
        )
    try:
        yield
    except duckdb.Error as error:
        placed = [path for folder in folders(settings) for path in sorted(folder.glob("*.parquet"))]
        damaged = [path for path in placed if not _is_readable(path)]
        if not damaged:
            raise
        more = f" and {len(damaged) - 1:,} more" if len(damaged) > 1 else ""
        raise RawStoreError(
            f"{damaged[0]}{more}: the file is damaged ({str(error).splitlines()[0]}). {REMEDY}"
        ) from None


def _is_readable(path: Path) -> bool:
    try:
        with duckdb.connect() as con:
            con.execute(f"SELECT max(hash(rows)) FROM {parquet(path)} AS rows").fetchone()
    except duckdb.Error:
        return False
    return True


def prepare_folders(con: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Remove what a crash left, and write an empty file with the current columns to every folder."""
    newest = _newest(settings)
    for folder, columns in folders(settings).items():
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob("*.tmp"):
            path.unlink()
        placed = parquet_files(folder)
        merged = [path for path in placed if FROM in path.name]
        for path in placed:
            first, last = span(path)
            is_replaced = any(
                other != path and span(other)[0] <= first and last <= span(other)[1] for other in merged
            )
            if last > newest or is_replaced:
                path.unlink()
        _write_empty(con, folder / _EMPTY, columns)


def parquet_files(folder: Path) -> list[Path]:
    """Return the Parquet files of a folder in the order of their batches."""
    return sorted(path for path in folder.glob("*.parquet") if path.name != _EMPTY)


def span(path: Path) -> tuple[str, str]:
    """Return the first and the last batch whose rows are in a Parquet file.

    The name begins with the last one, so that the files since a batch are found by name.
    """
    last, _, first = path.stem.partition(FROM)
    last = last.split("-")[0]
    return first or last, last


def compacted_path(paths: list[Path]) -> Path:
    """Return the path of the file that replaces these files, given in the order of their batches."""
    (first, _), (_, last) = span(paths[0]), span(paths[-1])
    return paths[0].with_name(f"{last}{FROM}{first}.parquet")


def read_seen(con: duckdb.DuckDBPyConnection, settings: Settings) -> Seen:
    """Return the files of earlier batches."""
    ledger = parquet(ledger_folder(settings) / "*.parquet")
    states = con.execute(f"SELECT file, bytes, epoch_us(modified_at), file_id FROM {ledger}").fetchall()
    loaded = con.execute(
        f"SELECT account_id, split_part(file, '/', 2), entity, file_id FROM {ledger} WHERE status = 'loaded'"
    ).fetchall()
    first = con.execute(f"SELECT {CONTENT}, epoch_us(min(ingested_at)) FROM {ledger} GROUP BY ALL").fetchall()
    return Seen(
        {state[:3]: state[3] for state in states} | known_states.read(settings),
        set(loaded),
        {row[:3]: row[3] for row in first},
    )


def new_batch_id(settings: Settings) -> str:
    """Return an id that sorts after every earlier one, even if the clock was set back."""
    now = datetime.now(UTC)
    if newest := _newest(settings):
        after = datetime.strptime(newest, _BATCH).replace(tzinfo=UTC) + timedelta(microseconds=1)
        now = max(now, after)
    return now.strftime(_BATCH)


def create_files_table(con: duckdb.DuckDBPyConnection, outcomes: dict[str, FileOutcome], work: Path) -> None:
    """Create the table `files`: the path and the columns of the ledger and of `rejected/` for each outcome.

    It writes and reads a file in `work`: DuckDB loads many values much faster from a file than from
    parameters.
    """
    rows = work / "outcomes.jsonl"
    with rows.open("w", encoding="utf-8") as stream:
        stream.writelines(
            json.dumps({"path": path, **vars(outcome)}) + "\n" for path, outcome in outcomes.items()
        )
    columns = {"path": "VARCHAR", **{f.name: _SQL_TYPES.get(f.type, "VARCHAR") for f in fields(FileOutcome)}}
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE files AS
        SELECT *, make_timestamp(modified_us) AS modified_at, make_timestamp(first_us) AS first_at,
            make_timestamp(ingested_us) AS ingested_at,
            make_timestamp(last_us) AS last_at, NULL AS line, NULL AS field, NULL AS raw
        FROM read_json({quoted(str(rows))}, format = 'newline_delimited', columns = {columns})""")


def commit(settings: Settings, batch_id: str, outputs: list[tuple[Path, Path]], entries: Path) -> None:
    """Move the files of a batch to their folders, and its ledger file last."""
    placed: Counter[Path] = Counter()
    for written, folder in outputs:
        placed[folder] += 1
        suffix = f"-{placed[folder]}" if placed[folder] > 1 else ""
        files.replace(written, folder / f"{batch_id}{suffix}.parquet")
    files.replace(entries, ledger_folder(settings) / f"{batch_id}.parquet")


def find_files_with(con: duckdb.DuckDBPyConnection, path: Path, which: str) -> list[Path]:
    """Return the Parquet files of a path or glob that have matching rows.

    `which` is the SQL after `FROM … AS rows`: joins and a WHERE.
    """
    found = con.execute(f"""
        SELECT DISTINCT filename
        FROM read_parquet({quoted(path)}, filename = true, union_by_name = true) AS rows {which}""")
    return sorted(Path(path) for (path,) in found.fetchall())


def rewrite(con: duckdb.DuckDBPyConnection, path: Path, select: str, work: Path) -> None:
    """Write the result of a SELECT as a Parquet file, replacing an existing file."""
    written = work / "rewritten.parquet"
    con.execute(f"COPY ({select}) TO {quoted(written)} {PARQUET}")
    files.replace(written, path)


def folders(settings: Settings) -> dict[Path, dict[str, str]]:
    """Return the folders of the Parquet files of batches, with the columns of their files."""
    return {
        raw_folder(settings, entity.name, platform.name): raw_columns(entity)
        for platform in PLATFORMS.values()
        for entity in platform.entities
    } | {settings.rejected_path: REJECTED, ledger_folder(settings): LEDGER}


def _newest(settings: Settings) -> str:
    """Return the latest committed batch, or an empty text."""
    return max((span(path)[1] for path in parquet_files(ledger_folder(settings))), default="")


def _write_empty(con: duckdb.DuckDBPyConnection, path: Path, columns: dict[str, str]) -> None:
    empty = ", ".join(f"CAST(NULL AS {kind}) AS {named(name)}" for name, kind in columns.items())
    held = f"SELECT * FROM {parquet(path)}"
    if (
        path.exists()
        and _is_readable(path)
        and con.execute(f"DESCRIBE {held}").fetchall() == con.execute(f"DESCRIBE SELECT {empty}").fetchall()
    ):
        return
    temporary = path.with_suffix(".tmp")
    con.execute(f"COPY (SELECT {empty} LIMIT 0) TO {quoted(str(temporary))} (FORMAT parquet)")
    temporary.replace(path)
