"""The history of check results: one file with the results of the last runs.

Belongs here: writing and reading it. Does not: running checks (`gate`), nor the metadata in Dagster
(`asset_checks`). Every release contains the history as the table `quality_results`.
"""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from orchestration.common.files import replace
from orchestration.common.sql import parquet, quoted
from orchestration.quality.check import CheckResult
from orchestration.settings import Settings

# Examples can contain ids, which an erasure could not remove from the history. So they are not stored.
COLUMNS = {
    "run_id": ("varchar", "The Dagster run that evaluated the check."),
    "table_name": ("varchar", "The table that was checked."),
    "check_name": ("varchar", "Name of the check."),
    "severity": ("varchar", "`error` blocks a release, `warn` does not."),
    "status": ("varchar", "`passed`, `failed`, or `broken`: the check itself could not run."),
    "expected": ("varchar", "The condition that the check expects to hold."),
    "found": ("varchar", "What was found, with counts."),
    "checked_at": ("timestamp", "When the check was evaluated, UTC."),
}
KEPT_RUNS = 400
FILE = "results.parquet"

log = logging.getLogger(__name__)


def store_results(settings: Settings, run_id: str, results: Sequence[CheckResult]) -> Path:
    """Add the results of a run to the history, limited to the last `KEPT_RUNS` runs. Return its file.

    A history that cannot be read is renamed, and a new one begins.
    """
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    rows = [
        (run_id, r.table, r.check.name, r.check.severity, status(r), r.check.expected, r.found, now)
        for r in results
    ]
    folder = settings.quality_path
    folder.mkdir(parents=True, exist_ok=True)
    written, path = folder / f"{FILE}.tmp", folder / FILE
    with duckdb.connect() as connection:
        _load(connection, settings)
        connection.execute("delete from results where run_id = ?", [run_id])
        if rows:
            connection.executemany(f"insert into results values ({', '.join('?' * len(COLUMNS))})", rows)
        # Rows are in the order of the runs, even if the clock was set back.
        connection.execute(
            "copy (from results where run_id in"
            f" (select run_id from results group by run_id order by max(rowid) desc limit {KEPT_RUNS}))"
            f" to {quoted(written)} (format parquet, compression zstd)"
        )
    replace(written, path)
    for other in folder.glob("*.parquet"):
        if other != path:
            other.unlink()
    return path


def history(settings: Settings) -> str:
    """Return the SELECT of the history, without rows if there is none."""
    if files := _files(settings):
        return f"select {', '.join(COLUMNS)} from {parquet(files)}"
    columns = ", ".join(f"cast(null as {kind}) as {name}" for name, (kind, _) in COLUMNS.items())
    return f"select {columns} limit 0"


def status(result: CheckResult) -> str:
    """Return the outcome of a check in one word."""
    return "broken" if result.broken else "passed" if result.passed else "failed"


def _files(settings: Settings) -> Path | None:
    """Return the file of the history, or a glob of files per run, or None."""
    path = settings.quality_path / FILE
    runs = settings.quality_path / "*.parquet"
    return path if path.exists() else runs if any(settings.quality_path.glob(runs.name)) else None


def _load(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Load the history into the table `results`."""
    try:
        connection.execute(f"create table results as {history(settings)}")
    except duckdb.Error as error:
        for path in settings.quality_path.glob("*.parquet"):
            path.replace(path.with_suffix(".damaged"))
        log.warning(
            "The check results in %s cannot be read (%s). They are now *.damaged; a new history begins",
            settings.quality_path,
            str(error).splitlines()[0],
        )
        connection.execute(f"create table results as {history(settings)}")
