"""File operations that every stage uses: flush to disk, replace atomically, copy, link, remove, protect.

Belongs here: operations that do not depend on the content. Does not: the paths (`settings`).
"""

import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

FICLONE = 0x40049409  # Linux ioctl that makes one file share the blocks of another


def sync(path: Path) -> None:
    """Flush a file or a folder to disk, so that a power failure leaves no file name without its content."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace(written: Path, place: Path) -> None:
    """Move a file to `place`, replacing an existing file, and flush the file and the folder to disk."""
    sync(written)
    written.replace(place)
    sync(place.parent)


def copy(source: Path, target: Path) -> None:
    """Copy a file to `target`, replacing an existing file. `target` is never half written.

    File systems that can share blocks between files (such as Btrfs or XFS) do not copy the content.
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
    """Remove a file or a folder with its content, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def link(source: Path, target: Path) -> None:
    """Create a hard link or, on a file system without hard links, a copy."""
    try:
        target.hardlink_to(source)
    except FileExistsError:
        raise
    except OSError:
        copy(source, target)


def _clone(source: Path, target: Path) -> None:
    """Make the target share the blocks of the source. Raises `OSError` if the file system cannot."""
    with source.open("rb") as read, target.open("wb") as write:
        fcntl.ioctl(write.fileno(), FICLONE, read.fileno())


@contextmanager
def readable_by_others() -> Iterator[None]:
    """Create files and folders that others may read (0644, 0755) inside the `with` block."""
    before = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(before)


def make_private(paths: Iterable[Path]) -> None:
    """Remove the permissions of group and others from these files and folders, if they exist."""
    for path in paths:
        with suppress(
            FileNotFoundError, PermissionError
        ):  # missing, or owned by another user such as Spark's
            path.chmod(path.stat().st_mode & 0o700)
