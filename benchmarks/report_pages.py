"""How long the release takes to answer a page of the reports after a filter was changed.

Belongs here: a release of any size, and the questions that the pages really ask of it. Does not: drawing.

    python benchmarks/report_pages.py --home /tmp/report-pages [--conversations 5000000] [--pages now]

The release is built of `tests/synthetic_candidate.py` where the home has none yet. Every page is made as the
server makes it; only the time within the database counts, opening the file included.
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

DAYS = 1000  # over which the conversations are spread
CONVERSATION = "demo:100"
CACHED = ("report_choices", "report_coverage")  # asked once per release
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
class Question:
    """What was asked, and how long the answer took, in seconds."""

    macro: str
    wall: float
    cpu: float


def main() -> None:
    """Build the release if need be, make every page under every filter, print a table."""
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
    asked = listen()
    with reader(settings) as connection:
        (last,) = connection.execute("select last_day from report_days()").fetchone()
    make_page("details", {"conversation": CONVERSATION})
    for question in asked:
        print(f"{question.macro}: {question.wall:.2f} s, of the CPU {question.cpu:.2f} s")
    print("| page | days | filter | questions | wall, s | CPU, s | the slowest, CPU s |\n" + "|---" * 7 + "|")
    for page in options.pages:
        for days in options.days:
            for name, filters in FILTERS.items():
                period = {"from": str(last - timedelta(days + 6)), "to": str(last - timedelta(7))}
                best = None
                for _ in range(options.repeat):
                    asked.clear()
                    make_page(page, filters | period)
                    looked = [question for question in asked if question.macro not in CACHED]
                    best = min(
                        filter(None, (best, looked)), key=lambda questions: sum(q.wall for q in questions)
                    )
                slowest = max(best, key=lambda question: question.cpu)
                wall, cpu = sum(q.wall for q in best), sum(q.cpu for q in best)
                print(
                    f"| {page} | {days} | {name} | {len(best)} | {wall:.2f} | {cpu:.2f} |"
                    f" {slowest.macro} {slowest.cpu:.2f} |",
                    flush=True,
                )


def listen() -> list[Question]:
    """Have every question of the pages timed and not kept; return the list into which they go."""
    asked: list[Question] = []
    answer = reports.release._answer.__wrapped__

    def timed(settings: Settings, release_id: str, query: str, parameters: dict) -> object:
        wall, cpu = time.perf_counter(), time.process_time()
        found = answer(settings, release_id, query, parameters)
        macro = re.search(r" from (\w+)\(", query)[1]
        asked.append(Question(macro, time.perf_counter() - wall, time.process_time() - cpu))
        return found

    reports.release._answer = timed
    return asked


def make_page(name: str, address: dict[str, object]) -> None:
    """Make a page as the server does; fail where it shows an error."""
    app = AppTest.from_string(PAGE.format(page=name), default_timeout=600)
    app.query_params.update(address)
    app.run()
    if app.exception:
        raise SystemExit(app.exception[0].message)


if __name__ == "__main__":
    main()
