"""Compaction: merge many small Parquet files of raw/, rejected/ and the ledger into one, with the same rows.

Belongs here: which files to merge, and replacing them. Does not: the name of a merged file, and removing what
a crash left (`ledger`).

Reading a folder has a cost per file, however small. So files of adjacent batches are merged until they are
large, and then never again. The batches since the last merge keep their files, which incremental builds read.

The merged file is moved into place first, and then the files that it replaces are removed. Its name contains
their batches. A crash in between duplicates rows until the next ingest removes the old files, and never loses
one.
"""

from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import duckdb

from orchestration.common.sql import quoted
from orchestration.ingest.raw_store import ledger
from orchestration.settings import Settings

SMALL = 8 * 2**20  # bytes; above this size, reading dominates the cost of opening a file
MANY = 32  # ingests that share the cost of writing one file of at most twice `SMALL`


def apply(
    con: duckdb.DuckDBPyConnection, settings: Settings, work: Path, progress: Callable[[str], None]
) -> None:
    """Merge many small files. Files that cannot be read are kept; later steps report them."""
    for folder in ledger.folders(settings):
        for paths in _to_merge(ledger.parquet_files(folder)):
            try:
                _merge(con, paths, work)
            except duckdb.Error as error:
                progress(f"{folder}: its small files are not merged ({str(error).splitlines()[0]})")


def _to_merge(files: list[Path]) -> list[list[Path]]:
    """Return the runs of adjacent files to merge: the complete ones, and the last one if it has many files.

    A run is complete once it is large enough or a large file follows. The files of a batch stay together, so
    that the batches of two files never overlap.
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
    return [complete for complete in runs if len(complete) > 1] + ([run] if len(run) >= MANY else [])


def _merge(con: duckdb.DuckDBPyConnection, paths: list[Path], work: Path) -> None:
    rows = f"read_parquet([{', '.join(map(quoted, paths))}], union_by_name = true)"
    ledger.rewrite(con, ledger.compacted_path(paths), f"SELECT * FROM {rows}", work)
    for path in paths:
        path.unlink()
