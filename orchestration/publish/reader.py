"""How the published file is read.

Belongs here: a connection to it that can do nothing else. Does not: which release it holds (see `release`).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from orchestration.common.sql import quoted
from orchestration.settings import Settings

FILE = "reports.duckdb"


@contextmanager
def reader(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a read-only connection whose current database is the current `reports.duckdb`.

    The file is attached, not connected to: within one process DuckDB gives a second connection to a path the
    file that the first one opened, even after a swap. Raises `duckdb.Error` where there is no readable file.
    No query on it, and no macro or view in the file, can open another file or change that.
    """
    limits = {"memory_limit": settings.memory_limit, "threads": settings.threads}
    with duckdb.connect(config=limits) as connection:
        connection.execute(f"attach {quoted(settings.published_path / FILE)} as reports (read_only)")
        connection.execute("use reports")
        connection.execute("set enable_progress_bar = false")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
        yield connection
