"""The summary of a run on a terminal.

Belongs here: wording and layout. Does not: the figures (see `outcome`).
"""

import logging
from collections.abc import Iterator

import dagster as dg
import duckdb

from orchestration.common.sql import printable
from orchestration.common.words import counted
from orchestration.ingest.raw_store.ledger import RawStoreError
from orchestration.outcome import EXAMPLES, checks, exports, failures, is_new, new_files, pages
from orchestration.publish.freshness import check_freshness
from orchestration.publish.reader import reader
from orchestration.publish.release import Release, current_release
from orchestration.run_output import StageHandler
from orchestration.settings import PROJECT, Settings

SAMPLES = PROJECT / "samples" / "landing"
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


@dg.logger(description="Prints the stages of a run started on a terminal.")
def progress(_context: dg.InitLoggerContext) -> logging.Logger:
    """Return the logger of a run started on a terminal."""
    logger = logging.Logger("progress", logging.DEBUG)  # the level of events
    logger.addHandler(StageHandler())
    return logger


def print_summary(settings: Settings, result: dg.ExecuteInProcessResult | None) -> None:
    """Print files and records, checks, release, rows, headline figures and the next commands.

    Without a result, there were no changes, and nothing was run.
    """
    release = current_release(settings)
    sections = [
        ("Exports", _exports(settings, new_files(result))),
        ("Checks", _checks(result) if result else ["none run: no changes"]),
        ("Release", _release(settings, release, result)),
        *([("Reports", _reports(settings, release))] if release else []),
        ("Next", _next_commands(release)),
    ]
    print()
    for title, lines in sections:
        for number, line in enumerate(lines):
            print(f"{title if number == 0 else '':10}{printable(line)}")
        print()


def _exports(settings: Settings, files_of_run: int) -> Iterator[str]:
    try:
        ingested = exports(settings)
    except RawStoreError as error:
        yield str(error)
        return
    if ingested is None:
        yield "none were ingested"
        return
    yield f"{counted(files_of_run, 'new file')} in this run; of all so far:"
    yield f"{'':22}{'files':>8}{'read':>12}{'accepted':>12}{'rejected':>12}"
    rows = {entity: list(figures.values()) for entity, figures in ingested.entities.items()}
    rows["all"] = [sum(figures) for figures in zip(*rows.values(), strict=True)]
    for entity, (files, *records) in rows.items():
        yield f"{entity:22}{files:>8,}" + "".join(f"{figure:>12,}" for figure in records)
    yield from (f"skipped: {message}" for message in ingested.skipped)
    for message, file in ingested.rejected:
        yield message + (" (the sample has it on purpose)" if (SAMPLES / file).is_file() else "")
    if ingested.rejected_in_total > len(ingested.rejected):
        more = ingested.rejected_in_total - len(ingested.rejected)
        yield f"... and {more:,} more, all in {settings.rejected_path}"
    for entity, fields in ingested.unknown_fields.items():
        more = f" and {counted(len(fields) - EXAMPLES, 'other')}" if len(fields) > EXAMPLES else ""
        yield f"unknown fields of {entity}, ignored: {', '.join(fields[:EXAMPLES])}{more}"


def _checks(result: dg.ExecuteInProcessResult) -> Iterator[str]:
    found = checks(result)
    yield (
        f"{found.passed} passed, {len(found.warned)} warned, {len(found.failed)} failed;"
        f" {found.gate_passed} of those that passed belong to the quality gate"
    )
    for label, problems in (("FAILED", found.failed), ("warned", found.warned)):
        for check in problems:
            yield f"{label}: {check['check']}"
            details = {name: text for name, text in check.items() if name != "check"}
            yield from (f"    {name}: {'; '.join(text.splitlines())}" for name, text in details.items())


def _release(
    settings: Settings, release: Release | None, result: dg.ExecuteInProcessResult | None
) -> Iterator[str]:
    for failure in failures(settings, result):
        message = f"FAILED in {failure['step']}: {failure['reason']}"
        yield from (line for line in message.splitlines() if line.strip())
    if release is None:
        yield "none: no candidate has passed all checks yet"
        return
    yield f"{release.release_id}, " + ("new" if is_new(result) else "unchanged")
    freshness = check_freshness(settings)
    yield " ".join([freshness.verdict, *freshness.reasons()[:EXAMPLES]])
    yield f"data through {release.data_through}, in {settings.published_path / 'reports.duckdb'}"
    for table, rows in release.rows.items():
        yield f"  {table:28}{rows:>12,} rows"


def _reports(settings: Settings, release: Release) -> Iterator[str]:
    yield from _headlines(settings)
    if written := pages(settings, release):
        yield f"To send   {written[0]}"
        yield f"Status    {written[1]}"
    else:
        yield "To send   not written; the next run writes it"


def _headlines(settings: Settings) -> Iterator[str]:
    """Yield one line for each of the four reports, for all published days."""
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
                yield f"{report:10}{row[0] if row else 'no data yet'}"
    except duckdb.Error as error:
        yield f"the release is damaged: {str(error).splitlines()[0]}"
        yield "Run again to publish it again, or restore the previous one with `make rollback`."


def _next_commands(release: Release | None) -> Iterator[str]:
    if release and release.data_through:
        last = release.data_through[:10]
        yield f"make sql    query the release: from report_by_agent('{last[:7]}-01', '{last}');"
    yield "make ui     assets, checks and runs in Dagster's UI, on http://127.0.0.1:3000"
