"""The queries of docs/sql.md, as a reader would copy them, and the ways of other tools to the release."""

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
def ask(sample):
    """Return a function that gives the rows of a question's query as dicts."""

    def answer(number):
        with reader(sample) as connection:
            return connection.execute(QUESTIONS[str(number)]).df().to_dict("records")

    return answer


@pytest.fixture(scope="module")
def facts(sample):
    """Return all conversations and messages, to be counted by hand."""
    with reader(sample) as connection:
        return [
            connection.execute(f"from {table}").df().astype(object).to_dict("records")
            for table in ("fct_conversations", "fct_messages")
        ]


def in_november(conversation):
    return (conversation["started_on"].year, conversation["started_on"].month) == (2025, 11)


def is_known(value):
    return not pandas.isna(value)


def test_every_query_of_the_page_is_a_question_with_its_number():
    assert list(QUESTIONS) == [str(number) for number in range(1, 21)]
    assert PAGE.count("```sql") == len(QUESTIONS)


@pytest.mark.parametrize("number", QUESTIONS)
def test_every_question_has_an_answer(ask, number):
    assert ask(number)


def test_the_prompt_of_make_sql_answers_every_question(sample):
    """The pinned command line of DuckDB is older than the library that writes the release."""
    program = Path(sys.executable).with_name("duckdb")
    database = sample.published_path / "reports.duckdb"
    for number, query in QUESTIONS.items():
        outcome = subprocess.run(
            [program, "-readonly", database, "-c", query], capture_output=True, text=True
        )
        assert outcome.returncode == 0, f"question {number}: {outcome.stderr}"


def test_the_load_is_the_naive_count(ask, facts):
    conversations, messages = facts
    mine = [c for c in conversations if in_november(c) and not is_known(c["agent_id"])]
    nobodys = next(row for row in ask(3) if row["agent_name"] == "Unassigned")
    assert nobodys["conversations"] == len(mine)
    assert sum(row["messages"] for row in ask(3)) == sum(
        (m["sent_on"].year, m["sent_on"].month) == (2025, 11) for m in messages
    )


def test_the_share_of_quick_answers_is_the_naive_count(ask, facts):
    known = [
        c["first_response_working_seconds"]
        for c in facts[0]
        if in_november(c) and is_known(c["first_response_working_seconds"])
    ]
    (row,) = ask(4)
    assert row["answered"] == len(known)
    assert row["share_within_15_minutes"] == pytest.approx(sum(s <= 900 for s in known) / len(known))


def test_those_who_wait_are_the_naive_list(ask, facts):
    waiting = {c["conversation_id"]: c["waiting_since"] for c in facts[0] if c["turns_waiting"] > 0}
    assert {row["conversation_id"]: row["waiting_since"] for row in ask(6)} == waiting


def test_the_slow_topics_are_those_of_a_naive_median(ask, facts):
    hours = {}
    for conversation in facts[0]:
        for tag in list(conversation["conversation_tags"]) or ["Untagged"]:
            if is_known(conversation["duration_seconds"]):
                hours.setdefault(tag, []).append(conversation["duration_seconds"] / 3600)
    expected = {tag: round(median(values), 1) for tag, values in hours.items() if len(values) >= 20}
    assert {row["tag"]: row["median_hours"] for row in ask(8)} == pytest.approx(expected, abs=0.11)


def test_those_who_come_back_are_the_naive_count(ask, facts):
    starts = {}
    for conversation in sorted(facts[0], key=lambda c: (c["started_at"], len(c["conversation_id"]))):
        starts.setdefault(conversation["contact_key"], []).append(conversation)
    (row,) = ask(15)
    assert row["new_contacts"] == sum(in_november(mine[0]) for mine in starts.values())
    assert row["returning_contacts"] == sum(in_november(c) for mine in starts.values() for c in mine[1:])
    assert 0 < row["within_a_week"] < row["returning_contacts"]


def test_the_backlog_is_the_naive_count_of_open_conversations(ask, facts):
    rows = ask(17)
    assert [row["report_date"].day for row in rows] == list(range(1, 32))
    for row in rows:
        assert row["open"] >= row["over_1_day"] >= row["over_7_days"] >= 0


# The ways of other tools


def test_sqlalchemy_sees_tables_and_columns_and_calls_the_macros(sample):
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


def test_every_parquet_file_opens_in_pandas_with_the_rows_of_the_release(sample):
    release = json.loads((sample.published_path / "release.json").read_text())
    for table, rows in release["rows"].items():
        frame = pandas.read_parquet(sample.published_path / release["parquet"] / f"{table}.parquet")
        assert len(frame) == rows


def test_the_file_opens_read_only_for_several_readers_at_once(sample):
    path = sample.published_path / "reports.duckdb"
    with duckdb.connect(path, read_only=True) as one, duckdb.connect(path, read_only=True) as other:
        assert one.execute("from release()").fetchall() == other.execute("from release()").fetchall()
