"""The spool of webhook bodies: flushed to disk before they are acknowledged, moved into landing per file.

Belongs here: writing, batches, the change of files, and recovery after a crash. Does not: authentication
(`receiver`).

Bodies that arrive within a few milliseconds, or during the write of a batch, are flushed to disk together.
"""

import asyncio
import logging
import os
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from orchestration.common.files import sync
from orchestration.fetch.files import make_folder, move_into_landing, open_private

PENDING_BYTES = 64 * 2**20  # of bodies waiting to be written; more are rejected
COLLECT_SECONDS = 0.01  # during which bodies are collected into a batch
UNFINISHED = ".received-"

log = logging.getLogger(__name__)


class OverloadError(Exception):
    """Too many bytes are waiting to be written."""


class Spool:
    """Writes one open file per folder. `seconds` is the time that a file covers."""

    def __init__(self, folders: list[Path], seconds: float, clock: Callable[[], float] = time.time):
        self._files = {folder: _File(folder) for folder in folders}
        self._seconds = seconds
        self._clock = clock
        self._pending: list[tuple[Path, bytes, asyncio.Future]] = []
        self._pending_bytes = 0
        self._wake = asyncio.Event()
        self._stopping = False
        self._period = self._current_period()

    async def append(self, folder: Path, body: bytes) -> None:
        """Append a body to the file of a folder, and return when it is on disk.

        Raises `OverloadError` if too many bytes are waiting, and `OSError` if it cannot be written.
        """
        if self._pending_bytes + len(body) > PENDING_BYTES:
            raise OverloadError
        written = asyncio.get_running_loop().create_future()
        # JSON strings contain line breaks only in escaped form.
        line = body.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n"
        self._pending.append((folder, line, written))
        self._pending_bytes += len(body)
        self._wake.set()
        await written

    def recover(self) -> None:
        """Complete the files that a killed receiver left."""
        for folder in self._files:
            for leftover in sorted(folder.glob(f"{UNFINISHED}*")):
                _complete(leftover, folder)

    async def run(self) -> None:
        """Write appended bodies until the spool is stopped, then complete all files."""
        while self._pending or not self._stopping:
            await self._write_pending()
            if self._period != self._current_period():
                self._period = self._current_period()
                await asyncio.to_thread(self._complete_all)
            if not self._pending and not self._stopping:
                self._wake.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), timeout=1)
            await asyncio.sleep(COLLECT_SECONDS)
        await asyncio.to_thread(self._complete_all)

    def stop(self) -> None:
        """End `run` when everything is written."""
        self._stopping = True
        self._wake.set()

    async def _write_pending(self) -> None:
        batch, self._pending = self._pending, []
        if not batch:
            return
        lines = defaultdict(list)
        for folder, line, _ in batch:
            lines[folder].append(line)
        errors = await asyncio.to_thread(self._write, lines)
        self._pending_bytes -= sum(len(line) - 1 for _, line, _ in batch)
        for folder, _, written in batch:
            if written.done():  # the sender has disconnected
                continue
            if folder in errors:
                written.set_exception(errors[folder])
            else:
                written.set_result(None)

    def _write(self, lines: dict[Path, list[bytes]]) -> dict[Path, OSError]:
        errors = {}
        for folder, some in lines.items():
            try:
                self._files[folder].write(b"".join(some))
            except OSError as error:
                log.error("%s: cannot be written: %s", folder, error.strerror)
                errors[folder] = error
        return errors

    def _complete_all(self) -> None:
        for file in self._files.values():
            try:
                file.complete()
            except OSError as error:  # completed at the next start, or with the next file
                log.error("%s", error)

    def _current_period(self) -> int:
        return int(self._clock() // self._seconds)


class _File:
    """The open file of a folder. It contains only whole lines."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._path = folder / f"{UNFINISHED}webhooks.jsonl"
        self._descriptor: int | None = None
        self._size = 0

    def write(self, lines: bytes) -> None:
        if self._descriptor is not None and not self._is_in_place():
            log.warning("%s was moved or removed while in use; a new file begins", self._path)
            os.close(self._descriptor)
            self._descriptor = None
        if self._descriptor is None:
            make_folder(self._folder)
            if self._path.exists():  # completing it failed before
                _complete(self._path, self._folder)
            self._descriptor = open_private(self._path)
            self._size = 0
            sync(self._folder)
        try:
            rest = memoryview(lines)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            os.fdatasync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, self._size)
            os.lseek(self._descriptor, self._size, os.SEEK_SET)
            raise
        self._size += len(lines)

    def _is_in_place(self) -> bool:
        """Return whether the path still leads to the open file: else its lines would be lost."""
        try:
            return os.path.samestat(os.fstat(self._descriptor), self._path.stat())
        except FileNotFoundError:
            return False

    def complete(self) -> None:
        if self._descriptor is None:
            return
        os.close(self._descriptor)
        self._descriptor = None
        _complete(self._path, self._folder)


def _complete(path: Path, folder: Path) -> None:
    """Move a file into landing, without a truncated last line, which was not acknowledged."""
    size = _whole_lines(path)
    with path.open("r+b") as file:
        file.truncate(size)
        os.fsync(file.fileno())
    if size == 0:
        path.unlink()
        return
    log.info("%s: %s bytes", move_into_landing(path, folder, ".jsonl"), f"{size:,}")


def _whole_lines(path: Path, block: int = 2**16) -> int:
    """Return the size of a file up to its last line end."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - block)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
    return 0
