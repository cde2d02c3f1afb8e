"""The workspace of an ingest: its temporary folder and its database connection.

Belongs here: creating and removing both. Does not: their use.
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
    """Yield an empty folder in the home, and hold the lock of the home inside the `with` block."""
    settings.ensure_home()
    make_private(settings.private_paths)
    with exclusive(
        settings.lock_path, lambda: progress("Another run is in progress; waiting for it to finish …")
    ):
        work = settings.work_path
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)


@contextmanager
def engine(settings: Settings, work: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection in UTC with the resource limits of the settings and the typing macros."""
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
