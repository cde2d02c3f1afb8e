"""Reading the published file.

Belongs here: a restricted connection to it. Does not: the release in it (`release`).
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

    The file is attached instead of opened: within one process, a second connection to a path reuses the file
    that the first one opened, even after a swap. Raises `duckdb.Error` if there is no readable file. No
    query, macro or view on this connection can open another file or change these restrictions.
    """
    limits = {"memory_limit": settings.memory_limit, "threads": settings.threads}
    with duckdb.connect(config=limits) as connection:
        connection.execute(f"attach {quoted(settings.published_path / FILE)} as reports (read_only)")
        connection.execute("use reports")
        connection.execute("set enable_progress_bar = false")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
        yield connection
