"""Every measure of the marts, compared with a second computation from the same random exports.

Belongs here: both computations, and the comparison. Does not: the exports (`random_exports`), the second
implementation (`expected_metrics`), nor single cases (dbt's unit tests).
"""

import hashlib
import random
from collections import Counter
from datetime import datetime

import duckdb
import pytest

from tests.expected_metrics import compute_account, deliveries, hours, name_shown, satisfaction, tallies
from tests.random_exports import ACCOUNTS, random_account, write_landing, write_seeds

SEED = 20250330


@pytest.fixture(scope="module")
def both(build, tmp_path_factory):
    """Yield the candidate and the expected rows of the same exports."""
    rng = random.Random(SEED)
    exports = {account: random_account(rng, has_events=account != "always") for account in ACCOUNTS}
    folder = tmp_path_factory.mktemp("metrics")
    write_landing(exports, folder / "landing")
    write_seeds(folder / "seeds")
    path = build(folder / "landing", folder / "home", folder / "seeds")
    hash_key = (path.parent / "hash_key").read_text()

    def sha(text):
        return hashlib.sha256((hash_key + text).encode()).hexdigest()

    def keyed_hash(value):
        return value and sha(sha(value))

    rows = {"conversations": [], "messages": [], "turns": [], "backlog": {}, "names": {}}
    for account, files in exports.items():
        account_rows = compute_account(account, files, keyed_hash)
        for name in ("conversations", "messages", "turns"):
            rows[name] += account_rows[name]
        for name in ("backlog", "names"):
            rows[name] |= account_rows[name]
    with duckdb.connect(path, read_only=True) as candidate:
        yield candidate, rows


def fetch(candidate, table, keys):
    cursor = candidate.execute(f"from {table}")
    columns = [column[0] for column in cursor.description]
    rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    found = {tuple(row[key] for key in keys): row for row in rows}
    assert len(found) == len(rows), f"{table} has duplicate keys"
    return found


def comparable(value):
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    return pytest.approx(value, abs=1e-6) if isinstance(value, float) else value


def assert_same(found, expected, columns=None):
    """Compare rows by key, and show the first differences."""
    assert found.keys() - expected.keys() == set(), "unexpected rows"
    assert expected.keys() - found.keys() == set(), "missing rows"
    differences = [
        (key, column, f"found {found[key][column]}", f"expected {row[column]}")
        for key, row in expected.items()
        for column in columns or row
        if found[key][column] != comparable(row[column])
    ]
    assert not differences, (
        f"{len(differences)} differ, of columns {Counter(d[1] for d in differences)}: {differences[:8]}"
    )


def test_conversations_match_the_definitions(both):
    candidate, rows = both
    found = fetch(candidate, "fct_conversations", ["conversation_id"])
    expected = {(row["conversation_id"],): row for row in rows["conversations"]}
    assert set(next(iter(found.values()))) - {"build_id"} == set(rows["conversations"][0])
    assert_same(found, expected)


def test_turns_match_the_definitions(both):
    candidate, rows = both
    found = fetch(candidate, "fct_customer_turns", ["turn_id"])
    assert set(next(iter(found.values()))) - {"build_id"} == set(rows["turns"][0])
    assert_same(found, {(row["turn_id"],): row for row in rows["turns"]})


def test_messages_have_their_conversation_sender_and_local_hour(both):
    candidate, rows = both
    found = fetch(candidate, "fct_messages", ["message_id"])
    assert_same(found, {(row["message_id"],): row for row in rows["messages"]})


def test_the_backlog_counts_open_conversations_at_the_end_of_each_day(both):
    candidate, rows = both
    assert_same(fetch(candidate, "agg_backlog", ["account_id", "agent_id", "report_date"]), rows["backlog"])


def test_the_overview_sums_every_origin_and_day(both):
    candidate, rows = both
    origins = {one["conversation_id"]: one["origin"] for one in rows["conversations"]}
    expected = tallies(
        rows,
        lambda one: [one["origin"]],
        lambda message: [origins.get(message["conversation_id"], "other")],
    )
    assert_same(fetch(candidate, "agg_overview", ["account_id", "origin", "report_date"]), expected)


def test_conversations_messages_replies_and_ratings_count_for_their_agents(both):
    candidate, rows = both
    agents = {one["conversation_id"]: one["agent_id"] for one in rows["conversations"]}

    def counted(message):
        is_inbound = message["direction"] == "inbound"
        return [agents.get(message["conversation_id"]) if is_inbound else message["agent_id"]]

    expected = tallies(
        rows,
        lambda one: [one["agent_id"]],
        counted,
        responder=lambda one: [one["first_response_agent_id"] or one["agent_id"]],
        rated=lambda one: [one["csat_agent_id"]],
        answering=lambda turn, _: [turn["answered_by_agent_id"] or agents[turn["conversation_id"]]],
    )
    for (_, agent_id, _), row in expected.items():
        row["agent_name"] = name_shown(rows["names"], agent_id)
    assert_same(fetch(candidate, "agg_by_agent", ["account_id", "agent_id", "report_date"]), expected)


def test_a_conversation_counts_for_each_of_its_tags(both):
    candidate, rows = both
    tags = {one["conversation_id"]: one["conversation_tags"] or ["Untagged"] for one in rows["conversations"]}
    expected = tallies(
        rows,
        lambda one: tags[one["conversation_id"]],
        lambda message: tags.get(message["conversation_id"], []),
    )
    assert_same(fetch(candidate, "agg_by_tag", ["account_id", "tag", "report_date"]), expected)


def test_survey_answers_count_on_their_day_by_origin_agent_and_rated_agent(both):
    candidate, rows = both
    found = fetch(
        candidate, "csat_summary", ["account_id", "origin", "agent_id", "csat_agent_id", "report_date"]
    )
    assert_same(found, satisfaction(rows["conversations"]))


def test_activity_counts_by_local_hour(both):
    candidate, rows = both
    found = fetch(candidate, "agg_by_hour", ["account_id", "iso_weekday", "hour", "report_date"])
    assert_same(found, hours(rows["conversations"], rows["messages"]))


def test_deliveries_are_summed_by_template_and_day(both):
    candidate, rows = both
    found = fetch(
        candidate, "agg_delivery", ["account_id", "template_name", "pricing_category", "report_date"]
    )
    assert_same(found, deliveries(rows["messages"]))


def test_the_random_exports_contain_the_edge_cases(both):
    """Without these cases the comparison proves little."""
    _, rows = both
    conversations, messages = rows["conversations"], rows["messages"]
    instants = Counter(
        (one["account_id"], one["conversation_id"], one["sent_on"], one["sent_hour"]) for one in messages
    )
    assert max(instants.values()) > 3
    assert {one["has_conversation"] for one in messages} == {True, False}
    assert len({one["delivery_status"] for one in messages}) == 8
    assert {one["is_in_working_hours"] for one in conversations} == {True, False, None}
    assert {one["handled_by"] for one in conversations} == {"agent", "automation", "nobody", None}
    assert min(Counter(turn["outcome"] for turn in rows["turns"]).values()) > 50
    for column in ("is_repeat", "is_first_response_within_target", "is_duration_within_target"):
        assert {one[column] for one in conversations} == {True, False, None}, column
    assert {turn["is_within_target"] for turn in rows["turns"]} == {True, False, None}
    assert {one["reopens"] is None for one in conversations} == {True, False}
    for column in (
        "is_one_touch",
        "is_automation_only",
        "windows_expired",
        "reopens",
        "total_wait_working_seconds",
    ):
        assert sum(bool(one[column]) for one in conversations) > 10, column
    assert any(
        one["first_response_seconds"] and one["first_response_seconds"] < one["max_wait_seconds"]
        for one in conversations
    ), "no hand-off restarts the clock of a first response"
