"""Where an ingest works: its temporary folder in the home, and its database connection.

Belongs here: making both and removing them. Does not: what is done in them.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from orchestration.common.files import make_private
from orchestration.common.locks import exclusive
from orchestration.ingest.parsing.typing import MACROS
from orchestration.settings import Settings


@contextmanager
def workspace(settings: Settings, progress: Callable[[str], None] = lambda message: None) -> Iterator[Path]:
    """Give an empty folder in the home, and hold the lock of the home for the length of the block."""
    settings.ensure_home()
    make_private(settings.private_paths)
    with exclusive(settings.lock_path, lambda: progress("Another run holds the lock of the home; waiting …")):
        work = settings.work_path
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)


@contextmanager
def engine(settings: Settings, work: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a connection within the limits of the settings, in UTC, with the macros of typing."""
    config = {
        "memory_limit": settings.memory_limit,
        "threads": settings.threads,
        "temp_directory": str(work / "spill"),
    }
    con = duckdb.connect(config=config)
    try:
        con.execute("SET TimeZone = 'UTC'")
        con.execute(MACROS.read_text())
        yield con
    finally:
        con.close()
