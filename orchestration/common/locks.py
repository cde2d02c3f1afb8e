"""A lock file that one process at a time holds. The lock ends with its process.

Belongs here: acquiring the lock and waiting for it. Does not: the work that it protects.
"""

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

RETRY_SECONDS = 0.2

_held: dict[Path, int] = {}  # path of each held lock → id of the thread that holds it


@contextmanager
def exclusive(path: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock file `path` inside the `with` block.

    Calls `waiting` once if the lock is held elsewhere. A thread that holds the lock can enter again. The wait
    can be interrupted.
    """
    path = path.absolute()
    if _held.get(path) == threading.get_ident():
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", opener=_private) as lock:
        _acquire(lock.fileno(), waiting)
        _held[path] = threading.get_ident()
        try:
            yield
        finally:
            del _held[path]


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _acquire(descriptor: int, waiting: Callable[[], None]) -> None:
    """Poll for the lock: a blocking call cannot be interrupted in every thread."""
    announced = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not announced:
                waiting()
                announced = True
            time.sleep(RETRY_SECONDS)
        else:
            return
