"""The files of fetched pages, one open file per entity.

Belongs here: how pages are written, and when. Does not: names and permissions (`files`).
"""

import gzip
import hashlib
import json
import os
from collections import Counter
from pathlib import Path

from orchestration.fetch.files import landing_folder, make_folder, move_into_landing, open_private
from orchestration.fetch.page import Page, page_of
from orchestration.settings import Settings

FLUSH_BYTES = 8 * 2**20  # of collected pages, before they are moved into landing
MAX_PAGE_BYTES = 16 * 2**20  # larger pages are divided, since ingest reads a page as one value
UNFINISHED = ".fetch-"  # prefix of incomplete files; ingest skips names that begin with a dot


class Pages:
    """Collects the pages of an account in one file per entity, and moves the files into landing together.

    A page is written as received, on one line. A page that is a bare array is put into `payload`, like other
    pages of the platform.
    """

    def __init__(self, settings: Settings, account_id: str):
        self._folder = landing_folder(settings, account_id)
        self._open: dict[str, _Writing] = {}
        self.records: Counter[str] = Counter()
        self.files: list[str] = []
        for leftover in self._folder.glob(f"*/{UNFINISHED}*"):
            leftover.unlink()  # of a killed fetch, whose pages are fetched again

    @property
    def has_files(self) -> bool:
        """Whether landing has a fetched file of the account."""
        return any(self._folder.glob("*/[!.]*.json.gz"))

    def add(self, entity: str, page: Page) -> None:
        """Add a page with at least one record to the next file of an entity."""
        if not page.records:
            return
        writing = self._open.get(entity)
        if writing is None:
            writing = self._open[entity] = _Writing(make_folder(self._folder / entity), entity)
        for body in _values(page):
            writing.write(body)
        self.records[entity] += len(page.records)

    @property
    def is_full(self) -> bool:
        """Whether the collected pages are large enough to be flushed."""
        return sum(writing.size for writing in self._open.values()) >= FLUSH_BYTES

    def flush(self) -> bool:
        """Move the collected files into landing. Return whether there was any."""
        collected = bool(self._open)
        # Conversations last, after the records that belong to them.
        for entity in sorted(self._open, key=lambda name: name == "conversations"):
            path = self._open[entity].finish()
            self.files.append(path.relative_to(self._folder.parent).as_posix())
        self._open.clear()
        return collected


class _Writing:
    def __init__(self, folder: Path, entity: str):
        self._folder = folder
        self._path = folder / f"{UNFINISHED}{entity}.json.gz"
        self._file = os.fdopen(open_private(self._path), "wb")
        # Without a timestamp, the same pages give identical files, which ingest loads once.
        self._gzip = gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=self._file, mtime=0)
        self.size = 0

    def write(self, body: bytes) -> None:
        self._gzip.write(body + b"\n")
        self.size += len(body)

    def finish(self) -> Path:
        self._gzip.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return move_into_landing(self._path, self._folder, ".json.gz")


def _values(page: Page) -> list[bytes]:
    """Return the JSON values to write for a page, each without line breaks."""
    if len(page.body) > MAX_PAGE_BYTES:
        half = len(page.records) // 2
        if half:
            parts = [page.records[:half], page.records[half:]]
            return [value for part in parts for value in _values(page_of(part))]
    # JSON strings contain line breaks only in escaped form.
    body = page.body.strip().replace(b"\n", b" ").replace(b"\r", b" ")
    return [b'{"payload":' + body + b"}" if body.startswith(b"[") else body]


def digest(value: object) -> str:
    """Return a short digest of plain data, stable across processes."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
