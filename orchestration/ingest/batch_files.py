"""The state of one batch that the steps of an ingest share.

Belongs here: the facts about each file, and writing Parquet files of the batch. Does not: any step (`batch`,
`loading`).
"""

from datetime import UTC, datetime
from pathlib import Path

import duckdb

from orchestration.common.sql import quoted
from orchestration.ingest.parsing.typing import named
from orchestration.ingest.raw_store import ledger
from orchestration.ingest.raw_store.ledger import PARQUET, FileOutcome
from orchestration.settings import Settings


class BatchFiles:
    """The files of one batch, by the workspace path at which the engine reads them.

    - `scales`: lowest and highest rating by platform
    - `outcomes`: ledger entry of each file by path
    - `lines`: number of physical lines by path, for files that are read by line
    - `now`: start of the batch
    - `stamps`: SQL of the last columns of every row in the ledger and in `rejected/`
    """

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        settings: Settings,
        work: Path,
        scales: dict[str, tuple[int, int]],
    ) -> None:
        self.con = con
        self.settings = settings
        self.work = work
        self.scales = scales
        self.batch_id = ledger.new_batch_id(settings)
        self.outcomes: dict[str, FileOutcome] = {}
        self.lines: dict[str, int] = {}
        self.written = 0
        self.now = datetime.now(UTC)
        self.stamps = (
            f"'{self.batch_id}' AS batch_id, TIMESTAMP '{self.now:%Y-%m-%d %H:%M:%S.%f}' AS rejected_at"
        )

    def write(self, select: str, columns: dict[str, str]) -> Path:
        """Write these columns of a SELECT to a new Parquet file in the workspace, and return its path."""
        self.written += 1
        path = self.work / f"{self.written}.parquet"
        cast = ", ".join(f"CAST({named(name)} AS {kind}) AS {named(name)}" for name, kind in columns.items())
        self.con.execute(f"COPY (SELECT {cast} FROM ({select})) TO {quoted(str(path))} {PARQUET}")
        return path
