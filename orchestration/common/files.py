"""Files that survive a power cut: written to disk, and replaced as a whole.

Belongs here: what a stage does with a file whatever it holds. Does not: which files there are (`settings`).
"""

import os
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
