"""Files as every stage handles them: flushed to disk, replaced as a whole, and readable by their owner alone.

Belongs here: what a stage does with a file whatever it holds. Does not: which files there are (`settings`).
"""

import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

FICLONE = 0x40049409  # the ioctl of Linux that lets one file share the blocks of another


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


def copy(source: Path, target: Path) -> None:
    """Copy the content of a file to `target`, over what may be there; `target` is never half written.

    Where the file system can share blocks between files (such as Btrfs or XFS), it does, in an instant.
    """
    written = target.with_name(f"{target.name}.tmp")
    try:
        try:
            _clone(source, written)
        except OSError:
            shutil.copyfile(source, written)
        replace(written, target)
    finally:
        written.unlink(missing_ok=True)


def remove(path: Path) -> None:
    """Remove a file or a folder with all that is in it; do nothing where there is none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def link(source: Path, target: Path) -> None:
    """Give a file a second name or, where the file system has no hard links, a copy."""
    try:
        target.hardlink_to(source)
    except FileExistsError:
        raise
    except OSError:
        copy(source, target)


def _clone(source: Path, target: Path) -> None:
    """Let the target share the blocks of the source. Raises `OSError` where the file system cannot."""
    with source.open("rb") as read, target.open("wb") as write:
        fcntl.ioctl(write.fileno(), FICLONE, read.fileno())


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
