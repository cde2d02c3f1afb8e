"""The macros that only the report pages use, compared with a second implementation in Python."""

from collections import Counter
from datetime import timedelta

import pytest
import synthetic_candidate
from test_report_macros import FIRST_DAY, Facts, days_of, local_day, report, rows, selects, started

from orchestration.publish.reader import reader
from orchestration.publish.store import publish
from orchestration.settings import Settings

PERIOD = FIRST_DAY + timedelta(2), FIRST_DAY + timedelta(12)
FILTERS = [{}, {"accounts": ["demo"], "contact_tags": ["vip"]}, {"agents": ["demo:1", "Unassigned"]}]
BANDS = (60, 300, 900, 3600, 14400, 86400)


@pytest.fixture(scope="module")
def connection(tmp_path_factory):
    settings = Settings(home=tmp_path_factory.mktemp("macros"), memory_limit="500MB", threads=1)
    synthetic_candidate.write(settings.candidate_path, conversations=200)
    publish(settings, {})
    with reader(settings) as connection:
        yield connection


@pytest.fixture(scope="module")
def facts(connection):
    return Facts(connection)


def latest_message(facts, account):
    return max(m["sent_at"] for m in facts.messages if m["account_id"] == account)


def test_the_coverage_ends_with_the_latest_message(connection, facts):
    found = {row["account_id"]: row for row in rows(connection, "from report_coverage()")}
    assert set(found) == set(synthetic_candidate.ACCOUNTS)
    for account, row in found.items():
        latest = latest_message(facts, account)
        days = [c["started_on"] for c in facts.conversations if c["account_id"] == account]
        assert row["data_through"] == latest
        assert row["through_day"] == local_day(account, latest)
        assert row["first_day"] == min(days)
        assert row["last_day"] >= row["through_day"]
    assert [r["account_id"] for r in rows(connection, "from report_coverage(['second'])")] == ["second"]


@pytest.mark.parametrize("filters", FILTERS)
def test_open_conversations_match_the_facts(connection, facts, filters):
    named = ", ".join(f"{name} := ${name}" for name in filters)
    found = {row["conversation_id"]: row for row in rows(connection, f"from report_open({named})", filters)}
    expected = {
        c["conversation_id"]: c for c in facts.conversations if selects(filters, c) and c["closed_at"] is None
    }
    assert found.keys() == expected.keys()
    for key, c in expected.items():
        row, latest = found[key], latest_message(facts, c["account_id"])
        assert row["open_seconds"] == max(0, int((latest - c["started_at"]).total_seconds()))
        assert row["is_waiting"] == (c["waiting_since"] is not None)
        since = c["waiting_since"]
        assert row["waiting_seconds"] == (since and max(0, int((latest - since).total_seconds())))
    assert {row["is_waiting"] for row in found.values()} == {True, False}


def test_counts_of_open_conversations_match_the_list(connection):
    listed = rows(connection, "from report_open(accounts := ['demo'])")
    counted = {
        (row["per"], row["group_id"]): row
        for row in rows(connection, "from report_open_counts(accounts := ['demo'])")
    }
    keys = {"agent": "agent_id", "channel": "channel_id", "team": "team_id"}
    expected = Counter((per, row[key]) for row in listed for per, key in keys.items())
    expected["total", None] = len(listed)
    for row in listed:
        hours = row["open_seconds"] / 3600
        expected["age", str(1 + sum(hours >= limit for limit in (1, 4, 24, 72, 168)))] += 1
    assert {key: row["open"] for key, row in counted.items()} == expected
    (total,) = (row for row in counted.values() if row["per"] == "total")
    assert total["waiting"] == sum(row["is_waiting"] for row in listed)
    assert total["unassigned"] == sum(row["agent_id"] is None for row in listed)
    assert total["open_over_1_day"] == sum(row["open_seconds"] >= 86400 for row in listed)
    assert total["longest_waiting_seconds"] == max(row["waiting_seconds"] or 0 for row in listed)


def test_conversations_in_a_flow_are_counted_separately(sample):
    with reader(sample) as connection:
        (listed,) = connection.execute("select count(*) from report_open() where is_in_flow").fetchone()
        counted = connection.execute(
            "select per, open from report_open_counts() where per in ('in_flow', 'total') order by all"
        ).fetchall()
        (all_open,) = connection.execute("select count(*) from report_open()").fetchone()
    assert counted == [("in_flow", listed), ("total", all_open - listed)]
    assert listed


@pytest.mark.parametrize("filters", FILTERS)
def test_every_response_is_in_one_band(connection, facts, filters):
    selected = {c["conversation_id"] for c in facts.conversations if selects(filters, c)}
    values = {
        "first_response": [
            (c["first_response_seconds"], c["first_response_working_seconds"])
            for c in started(facts, filters, days_of(*PERIOD))
        ],
        "reply": [
            (t["wait_seconds"], t["wait_working_seconds"])
            for t in facts.turns
            if t["conversation_id"] in selected and t["asked_on"] in days_of(*PERIOD)
        ],
    }
    found = report(connection, "report_response_bands", *PERIOD, filters)
    for measure, pairs in values.items():
        for place, column in enumerate(("responses", "responses_working")):
            counted = Counter(
                1 + sum(pair[place] >= band for band in BANDS) for pair in pairs if pair[place] is not None
            )
            assert {r["band"]: r[column] for r in found if r["measure"] == measure} == {
                band: counted[band] for band in range(1, 8)
            }


@pytest.mark.parametrize("filters", FILTERS)
def test_conversations_are_counted_by_handled_by(connection, facts, filters):
    counted = Counter(c["handled_by"] for c in started(facts, filters, days_of(*PERIOD)))
    found = report(connection, "report_handled_by", *PERIOD, filters)
    assert {row["handled_by"]: row["conversations"] for row in found} == counted


@pytest.mark.parametrize("name", ["channel", "team"])
def test_channels_and_teams_sum_to_the_overview(connection, name):
    (overview,) = report(connection, "report_overview", *PERIOD, {})
    found = report(connection, f"report_by_{name}", *PERIOD, {})
    for column in ("conversations", "turns_answered", "reply_n", "csat_n"):
        assert sum(row[column] for row in found) == overview[column]
    if name == "team":
        assert {row["team_id"] for row in found} == {"t1", None}


def test_the_average_week_divides_by_the_days_with_data(connection, facts):
    period = FIRST_DAY - timedelta(30), FIRST_DAY + timedelta(9)
    counted = Counter(
        (m["sent_on"].isoweekday(), m["sent_hour"])
        for m in facts.messages
        if m["is_agent_message"] and m["sent_on"] in days_of(*period)
    )
    days = Counter(day.isoweekday() for day in days_of(FIRST_DAY, period[1]))
    for row in report(connection, "report_heatmap", *period, {}):
        key = row["iso_weekday"], row["hour"]
        assert (row["days"], row["agent_messages"]) == (days[key[0]], counted[key])
        assert row["agent_messages_per_day"] == pytest.approx(counted[key] / days[key[0]], abs=1e-3)
