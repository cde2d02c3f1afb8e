"""Files as every stage handles them: flushed to disk, replaced as a whole, and readable by their owner alone.

Belongs here: what a stage does with a file whatever it holds. Does not: which files there are (`settings`).
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def sync(path: Path) -> None:
    """Flush a file or a folder to disk, so that a power cut cannot leave a name without its content."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace(written: Path, place: Path) -> None:
    """Move a file to its place, over what may be there, and flush both the file and the folder to disk."""
    sync(written)
    written.replace(place)
    sync(place.parent)


@contextmanager
def readable_by_others() -> Iterator[None]:
    """Create files and folders that others may read (0644, 0755) for the length of the block."""
    before = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(before)


def make_private(paths: Iterable[Path]) -> None:
    """Take from others the right to read these files and folders, where they exist."""
    for path in paths:
        with suppress(FileNotFoundError, PermissionError):  # not there, or of another user, as Spark's may be
            path.chmod(path.stat().st_mode & 0o700)
