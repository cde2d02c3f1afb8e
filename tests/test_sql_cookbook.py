"""The queries of docs/sql.md, and access to the release from other tools."""

import json
import re
import subprocess
import sys
from pathlib import Path
from statistics import median

import duckdb
import pandas
import pytest
import sqlalchemy

from orchestration.publish.reader import reader
from orchestration.settings import PROJECT

PAGE = (PROJECT / "docs" / "sql.md").read_text()
QUESTIONS = dict(re.findall(r"^## (\d+)\. [^\n]*\n[^#]*?```sql\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE))


@pytest.fixture(scope="module")
def run_query(sample):
    """Return a function that runs the query of a question and returns its rows as dicts."""

    def run_query_of(number):
        with reader(sample) as connection:
            return connection.execute(QUESTIONS[str(number)]).df().to_dict("records")

    return run_query_of


@pytest.fixture(scope="module")
def facts(sample):
    """Return all conversations and messages."""
    with reader(sample) as connection:
        return [
            connection.execute(f"from {table}").df().astype(object).to_dict("records")
            for table in ("fct_conversations", "fct_messages")
        ]


def in_november(conversation):
    return (conversation["started_on"].year, conversation["started_on"].month) == (2025, 11)


def is_known(value):
    return not pandas.isna(value)


def test_every_query_of_the_page_has_a_numbered_question():
    assert list(QUESTIONS) == [str(number) for number in range(1, 21)]
    assert PAGE.count("```sql") == len(QUESTIONS)


@pytest.mark.parametrize("number", QUESTIONS)
def test_every_query_returns_rows(run_query, number):
    assert run_query(number)


def test_the_prompt_of_make_sql_answers_every_question(sample):
    """The pinned command line of DuckDB is older than the library that writes the release."""
    program = Path(sys.executable).with_name("duckdb")
    database = sample.published_path / "reports.duckdb"
    for number, query in QUESTIONS.items():
        outcome = subprocess.run(
            [program, "-readonly", database, "-c", query], capture_output=True, text=True
        )
        assert outcome.returncode == 0, f"question {number}: {outcome.stderr}"


def test_the_load_matches_a_count_in_python(run_query, facts):
    conversations, messages = facts
    own = [c for c in conversations if in_november(c) and not is_known(c["agent_id"])]
    unassigned = next(row for row in run_query(3) if row["agent_name"] == "Unassigned")
    assert unassigned["conversations"] == len(own)
    assert sum(row["messages"] for row in run_query(3)) == sum(
        (m["sent_on"].year, m["sent_on"].month) == (2025, 11) for m in messages
    )


def test_the_share_of_quick_answers_matches_the_facts(run_query, facts):
    known = [
        c["first_response_working_seconds"]
        for c in facts[0]
        if in_november(c) and is_known(c["first_response_working_seconds"])
    ]
    (row,) = run_query(4)
    assert row["answered"] == len(known)
    assert row["share_within_15_minutes"] == pytest.approx(sum(s <= 900 for s in known) / len(known))


def test_waiting_conversations_match_the_facts(run_query, facts):
    waiting = {c["conversation_id"]: c["waiting_since"] for c in facts[0] if c["turns_waiting"] > 0}
    assert {row["conversation_id"]: row["waiting_since"] for row in run_query(6)} == waiting


def test_slow_topics_match_the_facts(run_query, facts):
    hours = {}
    for conversation in facts[0]:
        for tag in list(conversation["conversation_tags"]) or ["Untagged"]:
            if is_known(conversation["duration_seconds"]):
                hours.setdefault(tag, []).append(conversation["duration_seconds"] / 3600)
    expected = {tag: round(median(values), 1) for tag, values in hours.items() if len(values) >= 20}
    assert {row["tag"]: row["median_hours"] for row in run_query(8)} == pytest.approx(expected, abs=0.11)


def test_returning_contacts_match_the_facts(run_query, facts):
    starts = {}
    for conversation in sorted(facts[0], key=lambda c: (c["started_at"], len(c["conversation_id"]))):
        starts.setdefault(conversation["contact_key"], []).append(conversation)
    (row,) = run_query(15)
    assert row["new_contacts"] == sum(in_november(own[0]) for own in starts.values())
    assert row["returning_contacts"] == sum(in_november(c) for own in starts.values() for c in own[1:])
    assert 0 < row["within_a_week"] < row["returning_contacts"]


def test_the_backlog_has_every_day_and_nested_ages(run_query):
    rows = run_query(17)
    assert [row["report_date"].day for row in rows] == list(range(1, 32))
    for row in rows:
        assert row["open"] >= row["over_1_day"] >= row["over_7_days"] >= 0


# Other tools


def test_sqlalchemy_lists_tables_and_calls_macros(sample):
    path = sample.published_path / "reports.duckdb"
    engine = sqlalchemy.create_engine(f"duckdb:///{path}", connect_args={"read_only": True})
    try:
        inspector = sqlalchemy.inspect(engine)
        release = json.loads((sample.published_path / "release.json").read_text())
        assert {name for name in inspector.get_table_names() if name[0] != "_"} == set(release["rows"])
        columns = [column["name"] for column in inspector.get_columns("agg_overview")]
        assert columns[:3] == ["account_id", "origin", "conversations"]
        with engine.connect() as connection:
            query = sqlalchemy.text("select conversations from report_overview(:a, :b)")
            assert connection.execute(query, {"a": "2025-10-01", "b": "2025-12-31"}).scalar() == 2000
    finally:
        engine.dispose()


def test_pandas_reads_every_parquet_file(sample):
    release = json.loads((sample.published_path / "release.json").read_text())
    for table, rows in release["rows"].items():
        frame = pandas.read_parquet(sample.published_path / release["parquet"] / f"{table}.parquet")
        assert len(frame) == rows


def test_several_readers_open_the_file(sample):
    path = sample.published_path / "reports.duckdb"
    with duckdb.connect(path, read_only=True) as one, duckdb.connect(path, read_only=True) as other:
        assert one.execute("from release()").fetchall() == other.execute("from release()").fetchall()
