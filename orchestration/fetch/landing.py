"""The files that fetched pages go into, one for each entity at a time.

Belongs here: what is written of a page, and when. Does not: names and permissions (`files`).
"""

import gzip
import hashlib
import json
import os
from collections import Counter
from pathlib import Path

from orchestration.fetch.files import appear, landing_folder, make_folder, open_private
from orchestration.fetch.page import Page, page_of
from orchestration.settings import Settings

FLUSH_BYTES = 8 * 2**20  # of pages that are collected before they appear in landing
MOST_BYTES = 16 * 2**20  # of one page; a larger one is divided, since ingest reads each as one value
UNFINISHED = ".fetch-"  # begins the name of a file that is still being written; ingest skips names with a dot


class Pages:
    """Collects the pages of an account, a file for each entity, and puts them into landing together.

    A page is written as received, one on a line. One that is a bare array is put into `payload`, as in the
    platform's other pages.
    """

    def __init__(self, settings: Settings, account_id: str):
        self._folder = landing_folder(settings, account_id)
        self._open: dict[str, _Writing] = {}
        self.records: Counter[str] = Counter()
        self.files: list[str] = []
        for leftover in self._folder.glob(f"*/{UNFINISHED}*"):
            leftover.unlink()  # of a fetch that was killed; its pages are fetched again

    @property
    def has_files(self) -> bool:
        """Whether landing holds any fetched file of the account."""
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
        """Whether enough is collected to be put into landing."""
        return sum(writing.size for writing in self._open.values()) >= FLUSH_BYTES

    def flush(self) -> bool:
        """Put what is collected into landing, on disk; return whether there was any."""
        collected = bool(self._open)
        # Conversations last: what belongs to them is there by then.
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
        # Without a time in it, the same pages make the same file, which ingest reads once.
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
        return appear(self._path, self._folder, ".json.gz")


def _values(page: Page) -> list[bytes]:
    """Return the JSON values that a page is written as, each without a line break."""
    if len(page.body) > MOST_BYTES:
        half = len(page.records) // 2
        if half:
            parts = [page.records[:half], page.records[half:]]
            return [value for part in parts for value in _values(page_of(part))]
    # Within JSON's texts there is no line break as it is, only escaped.
    body = page.body.strip().replace(b"\n", b" ").replace(b"\r", b" ")
    return [b'{"payload":' + body + b"}" if body.startswith(b"[") else body]


def digest(value: object) -> str:
    """Return a short digest of plain data, the same in every process."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
