"""What a person at the terminal sees of a run: its progress, and at its end the summary, on one screen.

Belongs here: wording and layout. Does not: computing any figure.
"""

import logging
import sys
from collections.abc import Iterator

import dagster as dg
import duckdb

from orchestration.common.disk import full_disk
from orchestration.common.sql import parquet, printable
from orchestration.common.words import counted, without_class
from orchestration.ingest.raw_store.ledger import TOLD, RawStoreError, explained, ledger_folder
from orchestration.ingest.seeds import read_seeds
from orchestration.ingest.sources.local import find_files
from orchestration.publish.freshness import check_freshness
from orchestration.publish.overview import KEY as OVERVIEW
from orchestration.publish.page.report import LINK, has_reports
from orchestration.publish.reader import reader
from orchestration.publish.release import Release, current_release
from orchestration.quality.asset_checks import SPECS
from orchestration.settings import PROJECT, Settings, SettingsError

SAMPLES = PROJECT / "samples" / "landing"
EXAMPLES = 8
REMARKS = (  # of Dagster, to itself
    "A dbt subsetted execution",
    "Dependencies for step",
    "did not yield or return expected outputs",
)
HEADLINES = {
    "Overview": """
        select format(
            '{:,} conversations, {:,} messages, {:,} contacts; first response {} median; ' ||
            'rating {} of {:,} answers',
            conversations,
            messages,
            distinct_contacts,
            coalesce(round(first_response_median / 60)::bigint || ' min', 'unknown'),
            coalesce(round(csat_avg, 2)::varchar, 'unknown'),
            csat_n
        )
        from report_overview(?, ?)""",
    "By agent": """
        select format(
            '{} agents; {} has the most conversations, {:,}', count(*) over (), agent_name, conversations
        )
        from report_by_agent(?, ?)
        where agent_id is not null
        order by conversations desc, agent_name""",
    "By tag": """
        select format(
            '{} tags; {} is the most frequent, {:,} conversations', count(*) over (), tag, conversations
        )
        from report_by_tag(?, ?)
        where tag <> 'Untagged'
        order by conversations desc, tag""",
    "Details": """
        select format(
            '{:,} conversations; {:,} reopened, {:,} with an expired service window',
            count(*),
            count(*) filter (where reopens > 0),
            count(*) filter (where windows_expired > 0)
        )
        from report_details(?, ?)""",
}


class _ProgressLine(logging.Formatter):
    """The time, the step and what the step says of itself."""

    def format(self, record: logging.LogRecord) -> str:
        about = getattr(record, "dagster_meta", {})
        message = about.get("orig_message") or record.getMessage()
        return f"{self.formatTime(record, '%H:%M:%S')}  {about.get('step_key') or '':14} {message}"


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    return not getattr(record, "dagster_meta", {}).get("dagster_event") and not any(
        remark in record.getMessage() for remark in REMARKS
    )


@dg.logger(
    description="One line for each thing that a step says; Dagster's own events stay in its event log."
)
def progress(_context: dg.InitLoggerContext) -> logging.Logger:
    """Return the logger of a run started at the terminal."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_ProgressLine())
    handler.addFilter(_is_worth_a_line)
    logger = logging.Logger("progress", logging.INFO)
    logger.addHandler(handler)
    return logger


def print_summary(settings: Settings, result: dg.ExecuteInProcessResult | None) -> None:
    """Print files and records, checks, rows, release, headline figures and what to do next.

    Without a result nothing was new, and nothing was run.
    """
    release = current_release(settings)
    sections = [
        ("Exports", _exports_or_damage(settings, _new_files(result) if result else 0)),
        ("Checks", _checks(result) if result else ["none run: nothing was new"]),
        ("Release", _release(settings, release, result)),
        *([("Reports", _reports(settings, release))] if release else []),
        ("Next", _next_commands(release)),
    ]
    print()
    for title, lines in sections:
        for number, line in enumerate(lines):
            print(f"{title if number == 0 else '':10}{printable(line)}")
        print()


def _exports_or_damage(settings: Settings, new_files: int) -> Iterator[str]:
    try:
        yield from _exports(settings, new_files)
    except RawStoreError as error:
        yield str(error)


def _exports(settings: Settings, new_files: int) -> Iterator[str]:
    if not ledger_folder(settings).exists():
        yield "none were ingested"
        return
    ledger = parquet(ledger_folder(settings) / "*.parquet")
    rejects = parquet(settings.rejected_path / "*.parquet")
    with duckdb.connect() as connection, explained(settings):
        by_entity = connection.execute(
            f"""
            select entity, count(*), sum(records_read), sum(records_accepted), sum(records_rejected)
            from {ledger}
            group by entity
            order by entity
            """
        ).fetchall()
        rejected = connection.execute(
            f"""
            select
                case when line is null then 'not loaded: ' else 'rejected: ' end
                || file || coalesce(', line ' || line, '') || ': ' || {TOLD} || '; ' || remedy,
                file
            from {rejects}
            order by line is not null, rejected_at desc, file, line
            """
        ).fetchmany(EXAMPLES)
        all_rejected = connection.execute(f"select count(*) from {rejects}").fetchone()[0]
        unread = connection.execute(
            f"""
            select entity, list_sort(list(distinct field))
            from (select entity, unnest(unknown_fields) as field from {ledger})
            group by entity
            order by entity
            """
        ).fetchall()
    totals = [sum(row[column] for row in by_entity) for column in range(1, 5)]
    yield f"{counted(new_files, 'new file')} in this run; of all so far:"
    yield f"{'':22}{'files':>8}{'read':>12}{'accepted':>12}{'rejected':>12}"
    for entity, files, *records in [*by_entity, ("all", *totals)]:
        yield f"{entity:22}{files:>8,}" + "".join(f"{figure:>12,}" for figure in records)
    try:
        _, skipped = find_files(settings, read_seeds(settings.seeds).accounts)
    except SettingsError as error:
        skipped = [str(error)]
    yield from (f"skipped: {message}" for message in skipped)
    for line, file in rejected:
        yield line + (" (the sample has it on purpose)" if (SAMPLES / file).is_file() else "")
    if all_rejected > len(rejected):
        yield f"... and {all_rejected - len(rejected):,} more, all in {settings.rejected_path}"
    for entity, fields in unread:
        more = f" and {counted(len(fields) - EXAMPLES, 'other')}" if len(fields) > EXAMPLES else ""
        yield f"unknown fields of {entity}, ignored: {', '.join(fields[:EXAMPLES])}{more}"


def _new_files(result: dg.ExecuteInProcessResult) -> int:
    ledger = dg.AssetKey(["raw", "ingested_files"])
    ingested = [e for e in result.get_asset_materialization_events() if e.asset_key == ledger]
    return sum(event.materialization.metadata["files"].value for event in ingested)


def _checks(result: dg.ExecuteInProcessResult) -> Iterator[str]:
    # The verdict on the release is no check of data; it is printed with the release.
    evaluations = [e for e in result.get_asset_check_evaluations() if e.asset_key != OVERVIEW]
    gate = {spec.key for spec in SPECS}
    passed = [evaluation for evaluation in evaluations if evaluation.passed]
    warned = [e for e in evaluations if not e.passed and e.severity == dg.AssetCheckSeverity.WARN]
    failed = [e for e in evaluations if not e.passed and e.severity == dg.AssetCheckSeverity.ERROR]
    yield (
        f"{len(passed)} passed, {len(warned)} warned, {len(failed)} failed; of those that passed,"
        f" {sum(check.asset_check_key in gate for check in passed)} are of the quality gate"
    )
    for label, checks in (("FAILED", failed), ("warned", warned)):
        for check in checks:
            details = {
                name: value.value
                for name, value in check.metadata.items()
                if name in ("expected", "found", "examples")
            }
            yield f"{label}: {check.asset_key.to_user_string()} {check.check_name}"
            yield from (
                f"    {name}: {'; '.join(value.splitlines())}" for name, value in details.items() if value
            )


def _release(
    settings: Settings, release: Release | None, result: dg.ExecuteInProcessResult | None
) -> Iterator[str]:
    if result and not result.success:
        for event in result.get_step_failure_events():
            error = event.step_failure_data.error
            cause = error.cause or error
            reason = full_disk(settings, cause.message) or without_class(cause.message)
            message = f"FAILED in {event.step_key}: {reason}"
            yield from (line for line in message.splitlines() if line.strip())
    if release is None:
        yield "none: nothing has passed all checks yet"
        return
    published = result and any(event.step_key == "publish" for event in result.get_step_success_events())
    yield f"{release.release_id}, " + ("new" if published else "in place as before")
    freshness = check_freshness(settings)
    yield " ".join([freshness.verdict, *freshness.reasons()[:EXAMPLES]])
    yield f"data through {release.data_through}, in {settings.published_path / 'reports.duckdb'}"
    for table, rows in release.rows.items():
        yield f"  {table:28}{rows:>12,} rows"


def _reports(settings: Settings, release: Release) -> Iterator[str]:
    yield from _headlines(settings)
    folder = settings.published_path / LINK
    if has_reports(settings, release):
        yield f"To send   {folder / 'index.html'}"
        yield f"Status    {settings.published_path / 'status.html'}"
    else:
        yield "To send   not written; the next run writes it"


def _headlines(settings: Settings) -> Iterator[str]:
    """One line for each of the four reports, over everything published."""
    try:
        with reader(settings) as connection:
            days = connection.execute(
                "select min(report_date)::varchar, max(report_date)::varchar from agg_overview"
            ).fetchone()
            if days[0] is None:
                yield "no conversations yet"
                return
            yield f"from {days[0]} to {days[1]}"
            for report, headline in HEADLINES.items():
                row = connection.execute(f"{headline} limit 1", days).fetchone()
                yield f"{report:10}{row[0] if row else 'nothing yet'}"
    except duckdb.Error as error:
        yield f"the release is damaged: {str(error).splitlines()[0]}"
        yield "Run again, and it is published again; or go back to the one before by `make rollback`."


def _next_commands(release: Release | None) -> Iterator[str]:
    if release and release.data_through:
        last = release.data_through[:10]
        yield f"make sql    query the release: from report_by_agent('{last[:7]}-01', '{last}');"
    yield "make ui     assets, checks and runs in Dagster's UI, on http://127.0.0.1:3000"
