"""A lock that one process at a time holds, and that ends with its process.

Belongs here: taking the lock and waiting for it. Does not: what is done under it.
"""

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

LOOK_EVERY_SECONDS = 0.2

_held: dict[Path, int] = {}  # by path, the thread of this process that holds it


@contextmanager
def exclusive(path: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock file `path` for the length of the block; call `waiting` once if another holder is first.

    A thread that holds the lock already may enter again. The wait can be interrupted.
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
    """Take the lock by trying again and again: a blocking call could not be interrupted in every thread."""
    announced = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not announced:
                waiting()
                announced = True
            time.sleep(LOOK_EVERY_SECONDS)
        else:
            return
