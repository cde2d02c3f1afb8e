"""A home of its own for a test: drop files in landing, ingest, and look at what came out."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import duckdb

from orchestration.ingest.content import zstd
from orchestration.ingest.run import IngestResult, ingest
from orchestration.settings import Settings


class House:
    """Settings with a home in a temporary folder, and short words for what tests do with it."""

    def __init__(self, home: Path, **settings: object) -> None:
        self.settings = Settings(home=home, threads=2, memory_limit="1GB", **settings)

    def drop(self, name: str, content: bytes | str, account: str = "demo") -> Path:
        path = self.settings.landing_path / account / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def ingest(self, progress: Callable[[str], None] = lambda message: None) -> IngestResult:
        return ingest(self.settings, progress)

    def rows(self, entity: str, columns: str = "* EXCLUDE (_batch_id)") -> list[tuple]:
        """The raw rows of an entity, in the order of file and line."""
        return self._rows(self.settings.raw_path / entity / "*" / "*.parquet", columns, "_file, _line")

    def rejected(self, columns: str = "* EXCLUDE (batch_id, rejected_at)") -> list[tuple]:
        return self._rows(self.settings.rejected_path / "*.parquet", columns, "file, line NULLS FIRST")

    def ledger(self, columns: str = "* EXCLUDE (batch_id, ingested_at, modified_at)") -> list[tuple]:
        return self._rows(self.settings.raw_path / "ingested_files" / "*.parquet", columns, "file, batch_id")

    def everything(self) -> dict[str, list[tuple]]:
        """All that was written, but for the batch and the times."""
        entities = sorted(p.name for p in self.settings.raw_path.iterdir() if p.name != "ingested_files")
        raw = {entity: self.rows(entity) for entity in entities}
        return raw | {"rejected": self.rejected(), "ledger": self.ledger()}

    def _rows(self, files: Path, columns: str, order: str) -> list[tuple]:
        with duckdb.connect() as con:
            # The platforms share an entity's folder, each with columns of its own.
            source = f"read_parquet('{files}', union_by_name = true)"
            return con.execute(f"SELECT {columns} FROM {source} ORDER BY {order}").fetchall()


def jsonl(*records: dict) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def gz(content: bytes) -> bytes:
    return gzip.compress(content)


def zst(content: bytes) -> bytes:
    return zstd.compress(content)
