"""Detection of a full disk, and the message for the user.

Belongs here: recognizing the error of any library, and the message. Does not: recovery. Each stage keeps the
previous state, and the next run continues from it.
"""

import shutil

from orchestration.settings import Settings

ERROR_TEXTS = ("No space left on device", "database or disk is full", "Disk quota exceeded")
MIN_FREE_BYTES = 2**20  # with less, SQLite fails to start and reports another error


def full_disk(settings: Settings, error: object) -> str | None:
    """Return a message with the full disk and the remedy, or None if the error has another cause."""
    free = {
        path: shutil.disk_usage(path).free for path in (settings.home, settings.dagster_path) if path.exists()
    }
    path = min(free, key=free.get, default=settings.home)
    is_reported = any(text in str(error) for text in ERROR_TEXTS)
    if not is_reported and free.get(path, MIN_FREE_BYTES) >= MIN_FREE_BYTES:
        return None
    return (
        f"The disk that holds {path} is full. Make room and run again. No data is lost, the current release"
        " stays in place, and the next run continues from here."
    )
