"""Whether what went wrong is a full disk, and what is then said of it.

Belongs here: knowing the error, whichever library wrote it, and the sentence for people. Does not: what the
stages do about it: each leaves what stood before, and the next run goes on from there.
"""

import shutil

from orchestration.settings import Settings

SIGNS = ("No space left on device", "database or disk is full", "Disk quota exceeded")
NOTHING = 2**20  # with fewer bytes left not even SQLite can begin, and it does not say why


def full_disk(settings: Settings, error: object) -> str | None:
    """Return which disk is full and what to do, None if the error is another one."""
    left = {
        path: shutil.disk_usage(path).free for path in (settings.home, settings.dagster_path) if path.exists()
    }
    path = min(left, key=left.get, default=settings.home)
    if not any(sign in str(error) for sign in SIGNS) and left.get(path, NOTHING) >= NOTHING:
        return None
    return (
        f"The disk that holds {path} is full. Make room and run again: nothing is lost, the release stays,"
        " and the next run goes on from here."
    )
