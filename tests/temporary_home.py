"""A home for a test: add files to landing, ingest them, and read the result."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import duckdb

from orchestration.ingest.parsing.file_bytes import zstd
from orchestration.ingest.pipeline import IngestResult, changes, ingest
from orchestration.ingest.raw_store.ledger import REASON_TEXT
from orchestration.settings import Settings

PLATFORM = "activecampaign"


class TemporaryHome:
    """Settings with a home in a temporary folder, and short methods for tests."""

    def __init__(self, home: Path, **settings: object) -> None:
        self.settings = Settings(home=home, threads=2, memory_limit="1GB", **settings)

    def drop(self, name: str, content: bytes | str, account: str = "demo") -> Path:
        path = self.settings.landing_path / account / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def ingest(self, progress: Callable[[str], None] = lambda message: None) -> IngestResult:
        return ingest(self.settings, progress)

    def rows(
        self, entity: str, columns: str = "* EXCLUDE (_batch_id)", platform: str = PLATFORM
    ) -> list[tuple]:
        """Return the raw rows of an entity of a platform, in order of file and line."""
        folder = self.settings.raw_path / entity / platform
        return self._rows(folder / "*.parquet", columns, "_file, _line")

    def rejected(self, columns: str = "* EXCLUDE (batch_id, rejected_at)") -> list[tuple]:
        """Return the rejected records and files, each reason with its value as in the summary."""
        files = self.settings.rejected_path / "*.parquet"
        return self._rows(files, columns, "file, line NULLS FIRST", f"* REPLACE ({REASON_TEXT} AS reason)")

    def ledger(self, columns: str = "* EXCLUDE (batch_id, ingested_at, modified_at)") -> list[tuple]:
        return self._rows(self.settings.raw_path / "ingested_files" / "*.parquet", columns, "file, batch_id")

    def all_rows(self) -> dict[str, list[tuple]]:
        """Return all ingested data without batch ids and times."""
        entities = sorted(path.parent.name for path in self.settings.raw_path.glob(f"*/{PLATFORM}"))
        raw = {entity: self.rows(entity) for entity in entities}
        return raw | {"rejected": self.rejected(), "ledger": self.ledger()}

    def _rows(self, files: Path, columns: str, order: str, selected: str = "*") -> list[tuple]:
        rows = f"(SELECT {selected} FROM read_parquet('{files}'))"
        with duckdb.connect() as con:
            return con.execute(f"SELECT {columns} FROM {rows} ORDER BY {order}").fetchall()


def has_changes(settings: Settings) -> bool:
    """Return whether an ingest would change anything."""
    return any(changes(settings))


def jsonl(*records: dict) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def gz(content: bytes) -> bytes:
    return gzip.compress(content)


def zst(content: bytes) -> bytes:
    return zstd.compress(content)
