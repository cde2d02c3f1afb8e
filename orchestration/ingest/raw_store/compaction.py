"""Compaction: many small Parquet files of raw/, rejected/ and the ledger become one, row for row.

Belongs here: which files, and putting the one in their stead. Does not: what the name of such a file tells,
and the removal of what a crash left (`ledger`).

Whoever reads all of a folder pays for each file, however small. So neighbours in the order of their batches
are merged until they are no longer small, and then never touched again. What came since the last merge lies
in files of its own: those are what an increment looks for.

The one file is put into place first, and then those whose place it takes are removed. Its name tells which: a
crash between the two leaves rows twice until the next ingest removes them, and never loses one.
"""

from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import duckdb

from orchestration.common.sql import quoted
from orchestration.ingest.raw_store import ledger
from orchestration.settings import Settings

SMALL = 8 * 2**20  # bytes; to read more takes far longer than to open the file
MANY = 32  # so many ingests pay together for one writing of at most twice `SMALL`


def apply(
    con: duckdb.DuckDBPyConnection, settings: Settings, work: Path, progress: Callable[[str], None]
) -> None:
    """Merge what are many small files. Those that cannot be read stay, for others to tell of."""
    for folder in ledger.folders(settings):
        for paths in _to_merge(ledger.parquet_files(folder)):
            try:
                _merge(con, paths, work)
            except duckdb.Error as error:
                progress(f"{folder}: its small files stay as they are ({str(error).splitlines()[0]})")


def _to_merge(files: list[Path]) -> list[list[Path]]:
    """Return the runs of neighbours to merge: each that is closed, and the open one at the end if it is many.

    A run is closed once it has grown enough, or by a file that is not small. The files of a batch stay
    together, so that no two files hold rows of batches that lie between each other.
    """
    runs: list[list[Path]] = []
    run: list[Path] = []
    size = 0
    for _, same_batches in groupby(files, ledger.span):
        paths = list(same_batches)
        more = sum(path.stat().st_size for path in paths)
        if more < SMALL:
            run, size = [*run, *paths], size + more
        if max(size, more) >= SMALL:
            runs.append(run)
            run, size = [], 0
    return [closed for closed in runs if len(closed) > 1] + ([run] if len(run) >= MANY else [])


def _merge(con: duckdb.DuckDBPyConnection, paths: list[Path], work: Path) -> None:
    rows = f"read_parquet([{', '.join(map(quoted, paths))}], union_by_name = true)"
    ledger.rewrite(con, ledger.compacted(paths), f"SELECT * FROM {rows}", work)
    for path in paths:
        path.unlink()
