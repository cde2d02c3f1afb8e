"""Which files were taken in, by which batch: the ledger, whose file of a batch is its commit.

Belongs here: the columns of the ledger and of rejected rows, batch ids, what the name of a Parquet file tells
of the batches in it, and putting a batch's files in place so that a crash at any point loses nothing and
loads nothing twice. Does not: what is in the files.

A batch's Parquet files are moved into place first and its ledger file last. Whatever lies there of a batch
newer than the newest ledger file was left by a crash and is removed before the next batch; so is what a
compacted file has taken the place of.
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

# A refusal in one sentence. The reason begins with the field and never quotes the export; the value does.
TOLD = """case when value is null then reason when field is null then reason || ': ' || value
    else field || ' "' || value || '"' || substr(reason, length(field) + 1) end"""

# How a batch's files are written. A dictionary pays where values repeat; to try one on ids costs more than
# all else in writing. Small row groups stay in the processor's cache.
PARQUET = (
    "(FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, DICTIONARY_SIZE_LIMIT 1000, ROW_GROUP_SIZE 61440)"
)

FROM = "-from-"  # in the name of a compacted file, between its last batch and its first

_BATCH = "%Y%m%dT%H%M%S%fZ"
_EMPTY = "empty.parquet"  # no leading underscore: Spark would not see it


# A content, wherever it is: account, folder and id; and the SQL of the three from the ledger's columns.
FileContent = tuple[str, str, str]
CONTENT = "account_id, split_part(file, '/', 2), file_id"

Identity = tuple[str, str, str, str]  # account, folder, entity and id of a content: what is loaded once


@dataclass
class FileOutcome:
    """What became of a file: its row of the ledger, times as microseconds since 1970."""

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
        """Begin the outcome of a file with this content, first ingested at this time."""
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
        """Account, folder, entity and id of the content: what is loaded once."""
        return self.account_id, self.file.split("/")[1], self.entity, self.file_id

    def reject(self, reason: str, remedy: str, value: str | None = None) -> None:
        """Refuse the file as a whole: nothing of it counts. Only `value` may quote what is in it."""
        self.status, self.reason, self.remedy, self.value = "rejected", reason, remedy, value
        self.records_read = self.records_accepted = self.records_rejected = 0
        self.first_us = self.last_us = None
        self.unknown_fields = []


_SQL_TYPES = {int: "BIGINT", int | None: "BIGINT", list[str]: "VARCHAR[]"}  # anything else is text


@dataclass(frozen=True)
class Seen:
    """What is known of the files of earlier batches.

    - `states`: name, size and modified_us of every file that was seen, with the id of its content
    - `loaded`: the identity of every content that was loaded
    - `first_ingested`: when every content was first ingested, in microseconds since 1970
    """

    states: known_states.States
    loaded: set[Identity]
    first_ingested: dict[FileContent, int]


def ledger_folder(settings: Settings) -> Path:
    """Return the folder with one Parquet file for each batch."""
    return settings.raw_path / "ingested_files"


def raw_folder(settings: Settings, entity: str, platform: str) -> Path:
    """Return the folder of an entity's raw files."""
    return settings.raw_path / entity / platform


class RawStoreError(Exception):
    """A file of raw/ or rejected/ cannot be read; the message names it and the remedy."""


@contextmanager
def explained(settings: Settings) -> Iterator[None]:
    """Raise `RawStoreError` in place of an error of the engine that comes from a damaged file."""
    try:
        yield
    except duckdb.Error as error:
        placed = [path for folder in folders(settings) for path in sorted(folder.glob("*.parquet"))]
        damaged = [path for path in placed if not _is_readable(path)]
        if not damaged:
            raise
        more = f" and {len(damaged) - 1:,} more" if len(damaged) > 1 else ""
        raise RawStoreError(
            f"{damaged[0]}{more}: the file is damaged ({str(error).splitlines()[0]}). Restore it from a"
            " backup, or run `make full-refresh FORCE=1`, which reads all of landing again; the records of"
            " files that are no longer there are then lost."
        ) from None


def _is_readable(path: Path) -> bool:
    try:
        with duckdb.connect() as con:
            con.execute(f"SELECT max(hash(rows)) FROM {parquet(path)} AS rows").fetchone()
    except duckdb.Error:
        return False
    return True


def prepare_folders(con: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Remove what a crash left, and give every folder an empty file with the current columns."""
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
    """Return the folder's Parquet files in the order in which their batches came."""
    return sorted(path for path in folder.glob("*.parquet") if path.name != _EMPTY)


def span(path: Path) -> tuple[str, str]:
    """Return the first and the last batch of which a Parquet file holds rows.

    The last one begins its name, so that what came since a batch is found by name alone.
    """
    last, _, first = path.stem.partition(FROM)
    last = last.split("-")[0]
    return first or last, last


def compacted(paths: list[Path]) -> Path:
    """Return the place of the file that takes the place of these, which are in the order of their batches."""
    (first, _), (_, last) = span(paths[0]), span(paths[-1])
    return paths[0].with_name(f"{last}{FROM}{first}.parquet")


def read_seen(con: duckdb.DuckDBPyConnection, settings: Settings) -> Seen:
    """Return what earlier batches took in."""
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


def tabulate(con: duckdb.DuckDBPyConnection, outcomes: dict[str, FileOutcome], work: Path) -> None:
    """Make the outcomes the table `files`: the path and what the ledger and `rejected/` say of each file.

    By way of a file in `work`, since the engine takes many values far faster so than as parameters.
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
    """Move a batch's files to the folders where they are read, and its ledger file last of all."""
    placed: Counter[Path] = Counter()
    for written, folder in outputs:
        placed[folder] += 1
        suffix = f"-{placed[folder]}" if placed[folder] > 1 else ""
        files.replace(written, folder / f"{batch_id}{suffix}.parquet")
    files.replace(entries, ledger_folder(settings) / f"{batch_id}.parquet")


def holding(con: duckdb.DuckDBPyConnection, path: Path, which: str) -> list[Path]:
    """Return the Parquet files of a path or glob with a row, called `rows`, that is left by `which`: SQL from
    its joins on."""
    found = con.execute(f"""
        SELECT DISTINCT filename
        FROM read_parquet({quoted(path)}, filename = true, union_by_name = true) AS rows {which}""")
    return sorted(Path(path) for (path,) in found.fetchall())


def rewrite(con: duckdb.DuckDBPyConnection, path: Path, select: str, work: Path) -> None:
    """Put what this SELECT gives in the place of a Parquet file, in the stead of what may be there."""
    written = work / "rewritten.parquet"
    con.execute(f"COPY ({select}) TO {quoted(written)} {PARQUET}")
    files.replace(written, path)


def folders(settings: Settings) -> dict[Path, dict[str, str]]:
    """Return every folder that holds Parquet files of batches, with their columns."""
    return {
        raw_folder(settings, entity.name, platform.name): raw_columns(entity)
        for platform in PLATFORMS.values()
        for entity in platform.entities
    } | {settings.rejected_path: REJECTED, ledger_folder(settings): LEDGER}


def _newest(settings: Settings) -> str:
    """Return the newest batch that counts; empty if none does."""
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
