"""Measure the queries of a report page after a filter change.

Belongs here: a release of any size, and the queries of the pages. Does not: rendering.

    python benchmarks/report_pages.py --home /tmp/report-pages [--conversations 5000000] [--pages now]

If the home has no release, the benchmark builds one with `tests/synthetic_candidate.py`. It runs every page
like the server. Only the time in the database counts, including the time to open the file.
"""

import argparse
import os
import re
import sys
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests")]

import synthetic_candidate  # noqa: E402
from streamlit.testing.v1 import AppTest  # noqa: E402

import reports.release  # noqa: E402
from orchestration.publish.reader import reader  # noqa: E402
from orchestration.publish.release import current_release  # noqa: E402
from orchestration.publish.store import publish  # noqa: E402
from orchestration.settings import Settings  # noqa: E402

DAYS = 1000  # days with conversations
CONVERSATION = "demo:100"
CACHED = ("report_choices", "report_coverage")  # queried once per release
PAGES = ("overview", "now", "by_agent", "by_tag", "by_place", "details")
FILTERS = {
    "none": {},
    "agents and origins": {"agents": ["demo:1", "Unassigned"], "origins": ["inbound", "flow"]},
    "tags, working hours": {"conversation_tags": ["refund"], "contact_tags": ["vip"], "hours": "in"},
}
PAGE = """
import streamlit as st
from reports.app import chosen_language, show_page
from reports.filters import Address
address = Address()
show_page(chosen_language(address), address, {page!r})
"""


@dataclass(frozen=True)
class Query:
    """The macro of a query, and its wall and CPU seconds."""

    macro: str
    wall: float
    cpu: float


def main() -> None:
    """Build the release if it is missing, run every page with every filter, and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--conversations", type=int, default=5_000_000)
    parser.add_argument("--days", type=int, nargs="+", default=[28, 90])
    parser.add_argument("--pages", nargs="+", default=PAGES, choices=PAGES)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    settings = Settings(home=options.home, memory_limit="3GB", threads=2)
    if current_release(settings) is None:
        synthetic_candidate.write(
            settings.candidate_path, options.conversations, days=DAYS, memory_limit="3GB"
        )
        publish(settings, {"passed": [], "warned": []})
    os.environ |= {
        "CONVERSATIONS_HOME": str(options.home),
        "CONVERSATIONS_MEMORY_LIMIT": settings.memory_limit,
        "CONVERSATIONS_THREADS": str(settings.threads),
    }
    queries_run = record_queries()
    with reader(settings) as connection:
        (last,) = connection.execute("select last_day from report_days()").fetchone()
    run_page("details", {"conversation": CONVERSATION})
    for query in queries_run:
        print(f"{query.macro}: {query.wall:.2f} s, CPU {query.cpu:.2f} s")
    print("| page | days | filter | queries | wall, s | CPU, s | slowest query, CPU s |\n" + "|---" * 7 + "|")
    for page in options.pages:
        for days in options.days:
            for name, filters in FILTERS.items():
                period = {"from": str(last - timedelta(days + 6)), "to": str(last - timedelta(7))}
                best = None
                for _ in range(options.repeat):
                    queries_run.clear()
                    run_page(page, filters | period)
                    uncached = [query for query in queries_run if query.macro not in CACHED]
                    best = min(
                        filter(None, (best, uncached)), key=lambda queries: sum(q.wall for q in queries)
                    )
                slowest = max(best, key=lambda query: query.cpu)
                wall, cpu = sum(q.wall for q in best), sum(q.cpu for q in best)
                print(
                    f"| {page} | {days} | {name} | {len(best)} | {wall:.2f} | {cpu:.2f} |"
                    f" {slowest.macro} {slowest.cpu:.2f} |",
                    flush=True,
                )


def record_queries() -> list[Query]:
    """Record the time of every query of the pages. Return the list, which a caller clears before each page.

    Like the cache of the server after a filter change, a page asks each query once.
    """
    queries_run: list[Query] = []
    answers: dict[str, object] = {}
    answer = reports.release._answer.__wrapped__

    def timed(settings: Settings, release_id: str, query: str, parameters: dict) -> object:
        if not queries_run:
            answers.clear()
        key = f"{query} {parameters}"
        if key in answers:
            return answers[key]
        wall, cpu = time.perf_counter(), time.process_time()
        found = answers[key] = answer(settings, release_id, query, parameters)
        macro = re.search(r" from (\w+)\(", query)[1]
        queries_run.append(Query(macro, time.perf_counter() - wall, time.process_time() - cpu))
        return found

    reports.release._answer = timed
    return queries_run


def run_page(name: str, address: dict[str, object]) -> None:
    """Run a page like the server. Exit if it shows an error."""
    app = AppTest.from_string(PAGE.format(page=name), default_timeout=600)
    app.query_params.update(address)
    app.run()
    if app.exception:
        raise SystemExit(app.exception[0].message)


if __name__ == "__main__":
    main()
