"""What the gate found, kept: a file for each run, and a page of the last one for people.

Belongs here: writing them down. Does not: finding out (see `gate`), nor what Dagster shows of a result (see
`checks`). The next release takes all of the files in, as the table `quality_results`.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from orchestration.common.sql import parquet, quoted
from orchestration.quality.check import CheckResult
from orchestration.settings import Settings

# Of an example, which may quote an id, nothing is kept: what is published must not outlive an erasure.
COLUMNS = {
    "run_id": ("varchar", "The run of Dagster that checked."),
    "table_name": ("varchar", "The table that was checked."),
    "check_name": ("varchar", "Name of the check."),
    "severity": ("varchar", "`error` blocks a release, `warn` does not."),
    "status": ("varchar", "`passed`, `failed`, or `broken`: the check itself could not run."),
    "expected": ("varchar", "What the check asks for."),
    "found": ("varchar", "What was found, in figures."),
    "checked_at": ("timestamp", "When, UTC."),
}
PAGE = "checks.html"


def keep(settings: Settings, run_id: str, results: Sequence[CheckResult]) -> Path:
    """Write the results of a run beside those of the runs before, and return the file."""
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    rows = [
        (run_id, r.table, r.check.name, r.check.severity, status(r), r.check.expected, r.found, now)
        for r in results
    ]
    settings.quality_path.mkdir(parents=True, exist_ok=True)
    path = settings.quality_path / f"{run_id}.parquet"
    columns = ", ".join(f"{name} {kind}" for name, (kind, _) in COLUMNS.items())
    with duckdb.connect() as connection:
        connection.execute(f"create table results ({columns})")
        if rows:
            connection.executemany(f"insert into results values ({', '.join('?' * len(COLUMNS))})", rows)
        written = path.with_suffix(".tmp")
        connection.execute(f"copy results to {quoted(written)} (format parquet)")
    written.replace(path)
    return path


def write_page(settings: Settings, results: Sequence[CheckResult]) -> Path:
    """Write the page of these results, which needs no network; return its path."""
    templates = FileSystemLoader(Path(__file__).parent)
    template = Environment(loader=templates, autoescape=True, undefined=StrictUndefined).get_template(
        f"{PAGE}.j2"
    )
    by_table: dict[str, list[CheckResult]] = {}
    for result in results:
        by_table.setdefault(result.table, []).append(result)
    text = template.render(
        tables=by_table,
        troubles=[result for result in results if not result.passed],
        passed=sum(result.passed for result in results),
        blocking=sum(not r.passed and r.check.severity == "error" for r in results),
        status=status,
        now=datetime.now(UTC),
    )
    settings.quality_path.mkdir(parents=True, exist_ok=True)
    path = settings.quality_path / PAGE
    written = path.with_suffix(".tmp")
    written.write_text(text, "utf-8")
    written.replace(path)
    return path


def history(settings: Settings) -> str:
    """Return the SELECT of everything kept; without rows where nothing is."""
    if any(settings.quality_path.glob("*.parquet")):
        return f"select * from {parquet(settings.quality_path / '*.parquet')}"
    columns = ", ".join(f"cast(null as {kind}) as {name}" for name, (kind, _) in COLUMNS.items())
    return f"select {columns} limit 0"


def status(result: CheckResult) -> str:
    """Return what came of a check in one word."""
    return "broken" if result.broken else "passed" if result.passed else "failed"
