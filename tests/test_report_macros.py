"""The report macros, compared with a second implementation in Python and with the daily marts."""

import re
from collections import Counter, defaultdict
from datetime import UTC, date, timedelta
from statistics import fmean
from zoneinfo import ZoneInfo

import duckdb
import pytest
import synthetic_candidate
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from orchestration.publish.reader import reader
from orchestration.publish.store import publish
from orchestration.settings import Settings
from tests.naive_metrics import statistics

FIRST_DAY = date.fromisoformat(synthetic_candidate.FIRST_DAY)
SATISFIED_FROM = {"demo": 5, "second": 4}
DISSATISFIED_TO = {"demo": 3, "second": 2}
TIMED = {
    "duration": "duration_seconds",
    "duration_working": "duration_working_seconds",
    "first_response": "first_response_seconds",
    "first_response_working": "first_response_working_seconds",
    "total_wait": "total_wait_seconds",
    "total_wait_working": "total_wait_working_seconds",
    "reply": "wait_seconds",
    "reply_working": "wait_working_seconds",
}
KIND = {
    "first_response": "response",
    "first_response_working": "response",
    "reply": "turn",
    "reply_working": "turn",
}
TARGETS = {
    "first_response": ("response", "is_first_response_within_target"),
    "reply": ("turn", "is_within_target"),
    "duration": ("conversation", "is_duration_within_target"),
}
REPORTS = {
    "report_overview": (),
    "report_overview_by_day": ("account_id", "report_date", "origin"),
    "report_by_agent": ("account_id", "agent_id"),
    "report_by_tag": ("account_id", "tag"),
}


@pytest.fixture(scope="module")
def connection(tmp_path_factory):
    settings = Settings(home=tmp_path_factory.mktemp("macros"), memory_limit="500MB", threads=1)
    synthetic_candidate.write(settings.candidate_path, conversations=200)
    publish(settings, {})
    with reader(settings) as connection:
        yield connection


class Facts:
    """The facts of the release. Not a dataclass, because hypothesis would print it, which is slow."""

    def __init__(self, connection):
        self.conversations = rows(connection, "from fct_conversations")
        self.messages = rows(connection, "from fct_messages")
        self.turns = rows(connection, "from fct_customer_turns")


@pytest.fixture(scope="module")
def facts(connection):
    return Facts(connection)


def rows(connection, query, parameters=()):
    result = connection.execute(query, parameters)
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def report(connection, name, from_date, to_date, filters):
    named = "".join(f", {name} := ${name}" for name in filters)
    return rows(connection, f"from {name}($a, $b{named})", {"a": from_date, "b": to_date, **filters})


# The second implementation


def selects(filters, conversation):
    """Return whether the filters select the conversation."""
    own = {
        "accounts": [conversation["account_id"]],
        "agents": [
            conversation["agent_id"] or "Unassigned",
            f"Agent {(conversation['agent_id'] or '')[-1:]}",
        ],
        "origins": [conversation["origin"]],
        "channels": [conversation["channel_id"]],
        "teams": [conversation["team_id"]],
        "conversation_tags": tags(conversation),
        "contact_tags": conversation["contact_tags"],
    }
    return all(
        conversation["is_in_working_hours"] == wanted
        if name == "working_hours"
        else bool(set(wanted) & set(own[name]))
        for name, wanted in filters.items()
        if wanted is not None
    )


def tags(conversation):
    return conversation["conversation_tags"] or ["Untagged"]


def local_day(account, instant):
    zone = ZoneInfo(synthetic_candidate.ACCOUNTS[account])
    return instant and instant.replace(tzinfo=UTC).astimezone(zone).date()


def activity(facts, filters):
    """Yield all activity as day, key columns, kind and record."""
    selected = {c["conversation_id"]: c for c in facts.conversations if selects(filters, c)}
    for c in selected.values():
        keys = keys_of(c)
        rated = keys | {"agent_id": c["csat_agent_id"]}
        yield c["started_on"], keys, "conversation", c
        yield c["closed_on"], keys, "close", c
        yield local_day(c["account_id"], c["survey_sent_at"]), rated, "survey", c
        if c["csat_rating"] is not None:
            yield local_day(c["account_id"], c["survey_responded_at"]), rated, "answer", c
        if c["first_response_seconds"] is not None or c["is_first_response_within_target"] is not None:
            responder = c["first_response_agent_id"] or c["agent_id"]
            yield c["started_on"], keys | {"agent_id": responder}, "response", c
    for t in facts.turns:
        if c := selected.get(t["conversation_id"]):
            yield (
                t["asked_on"],
                keys_of(c) | {"agent_id": t["answered_by_agent_id"] or c["agent_id"]},
                "turn",
                t,
            )
    accounts = filters.get("accounts")
    only_accounts = all(wanted is None for name, wanted in filters.items() if name != "accounts")
    unknown_keys = {"origin": "other", "agent_id": None, "channel_id": None, "team_id": None, "tags": []}
    for m in facts.messages:
        c = selected.get(m["conversation_id"])
        if c or (only_accounts and (accounts is None or m["account_id"] in accounts)):
            keys = (keys_of(c) if c else unknown_keys) | {"account_id": m["account_id"]}
            if m["direction"] == "outbound":
                keys |= {"agent_id": m["agent_id"]}
            yield m["sent_on"], keys, "message", m


def keys_of(conversation):
    names = ("account_id", "origin", "agent_id", "channel_id", "team_id")
    return {name: conversation[name] for name in names} | {"tags": tags(conversation)}


def expected_report(facts, name, from_date, to_date, filters):
    """Return the rows of a report by key."""
    keys, groups = REPORTS[name], defaultdict(lambda: defaultdict(list))
    if not keys:
        groups[()] = defaultdict(list)
    for day, known, kind, record in activity(facts, filters):
        if day and from_date <= day <= to_date:
            for tag in known["tags"] if "tag" in keys else [None]:
                row = known | {"report_date": day, "tag": tag}
                groups[tuple(row[key] for key in keys)][kind].append(record)
    return {key: measure(kinds) for key, kinds in groups.items()}


def measure(kinds):
    started, messages, ratings = kinds["conversation"], kinds["message"], kinds["answer"]
    turns, surveys = kinds["turn"], kinds["survey"]
    values = [c["csat_rating"] for c in ratings]
    satisfied = sum(c["csat_rating"] >= SATISFIED_FROM[c["account_id"]] for c in ratings)
    answered = sum(c["csat_rating"] is not None for c in surveys)
    reopens = [c["reopens"] for c in started if c["reopens"] is not None]
    measures = {
        "conversations": len(started),
        "distinct_contacts": len({c["contact_key"] for c in started}),
        "messages": len(messages),
        "inbound_messages": sum(m["direction"] == "inbound" for m in messages),
        "outbound_messages": sum(m["direction"] == "outbound" for m in messages),
        "agent_messages": sum(m["is_agent_message"] for m in messages),
        "automated_messages": sum(m["is_automated"] for m in messages),
        "closed": sum(c["is_closed"] for c in started),
        "closed_on_day": len(kinds["close"]),
        "reopens": sum(reopens) if reopens or not started else None,
        "one_touch": sum(c["is_one_touch"] for c in started),
        "automation_only": sum(c["is_automation_only"] for c in started),
        "windows_expired": sum(c["windows_expired"] for c in started),
        "repeats": sum(bool(c["is_repeat"]) for c in started),
        "turns_answered": sum(t["outcome"] == "answered" for t in turns),
        "turns_closed": sum(t["outcome"] == "closed" for t in turns),
        "surveys_sent": len(surveys),
        "surveys_answered": answered,
        "csat_n": len(values),
        "csat_sum": sum(values) if values else None,
        "csat_avg": fmean(values) if values else None,
        "satisfied": satisfied,
        "dissatisfied": sum(c["csat_rating"] <= DISSATISFIED_TO[c["account_id"]] for c in ratings),
        "csat_score": satisfied / len(values) if values else None,
        "response_rate": answered / len(surveys) if surveys else None,
        **{f"rating_{rating}": values.count(rating) for rating in range(1, 6)},
    }
    for name, column in TIMED.items():
        values = [record[column] for record in kinds[KIND.get(name, "conversation")]]
        measures |= statistics(name, [value for value in values if value is not None])
    for name, (kind, column) in TARGETS.items():
        known = [record[column] for record in kinds[kind] if record[column] is not None]
        measures |= {
            f"{name}_on_target_n": len(known),
            f"{name}_on_target_met": sum(known),
            f"{name}_on_target_rate": sum(known) / len(known) if known else None,
        }
    return measures


# The comparisons

LISTS = {
    "accounts": ["demo", "second", "nobody"],
    "agents": ["demo:0", "Agent 1", "second:2", "Unassigned"],
    "origins": ["flow", "inbox", "inbound", "other"],
    "channels": ["c0", "c1"],
    "teams": ["t1"],
    "conversation_tags": ["billing", "delivery", "refund", "Untagged"],
    "contact_tags": ["new", "vip"],
}
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        **{
            name: st.none() | st.lists(st.sampled_from(values), unique=True) for name, values in LISTS.items()
        },
        "working_hours": st.none() | st.booleans(),
    },
)
PERIODS = st.tuples(st.integers(-3, 27), st.integers(0, 20)).map(
    lambda period: (FIRST_DAY + timedelta(period[0]), FIRST_DAY + timedelta(sum(period)))
)


@hypothesis_settings(max_examples=10, deadline=None, derandomize=True)
@given(period=PERIODS, filters=FILTERS)
@example(period=(FIRST_DAY, FIRST_DAY + timedelta(9)), filters={"accounts": ["second"]})
@example(period=(FIRST_DAY, FIRST_DAY + timedelta(9)), filters={"accounts": []})
@pytest.mark.parametrize("name", REPORTS)
def test_a_report_matches_the_second_implementation(connection, facts, name, period, filters):
    found = {
        tuple(row[key] for key in REPORTS[name]): row for row in report(connection, name, *period, filters)
    }
    expected = expected_report(facts, name, *period, filters)
    assert found.keys() == expected.keys()
    for key, measures in expected.items():
        assert {measure: found[key][measure] for measure in measures} == pytest.approx(measures, abs=1e-3), (
            key
        )


@pytest.mark.parametrize(
    "filters", [{}, {"accounts": ["demo"], "agents": ["Unassigned"], "working_hours": True}]
)
def test_the_details_contain_the_conversations_that_started_in_the_period(connection, facts, filters):
    period = FIRST_DAY + timedelta(5), FIRST_DAY + timedelta(15)
    names = {f"{account}:{i}": f"Agent {i}" for account in SATISFIED_FROM for i in range(4)} | {
        None: "Unassigned"
    }
    expected = {
        c["conversation_id"]: (names[c["agent_id"]], tags(c), c["csat_rating"], c["duration_seconds"])
        for c in facts.conversations
        if selects(filters, c) and period[0] <= c["started_on"] <= period[1]
    }
    listed = report(connection, "report_details", *period, filters)
    found = {
        row["conversation_id"]: (
            row["agent_name"],
            row["conversation_tags"],
            row["csat_rating"],
            row["duration_seconds"],
        )
        for row in listed
    }
    assert found == expected
    assert len(listed) == len(found)
    assert [row["started_at"] for row in listed] == sorted(
        (row["started_at"] for row in listed), reverse=True
    )


def test_the_unordered_details_have_the_same_rows(connection):
    period, filters = (
        (FIRST_DAY, FIRST_DAY + timedelta(9)),
        {"accounts": ["demo"], "conversation_tags": ["refund"]},
    )
    ordered, unordered = (
        report(connection, name, *period, filters) for name in ("report_details", "_details")
    )
    assert sorted(unordered, key=lambda row: row["conversation_id"]) == sorted(
        ordered, key=lambda row: row["conversation_id"]
    )
    assert ordered


NOT_MEASURES = ("report_date", "build_id")
MARTS = {
    "agg_overview": ("report_overview_by_day", "origin"),
    "agg_by_agent": ("report_by_agent", "agent_id"),
    "agg_by_tag": ("report_by_tag", "tag"),
}
ALL_DAYS = FIRST_DAY - timedelta(9), FIRST_DAY + timedelta(99)


@pytest.mark.parametrize("mart", MARTS)
def test_a_report_of_one_day_matches_the_mart(connection, mart):
    name, key = MARTS[mart]
    days = connection.execute(f"select distinct report_date from {mart} order by all").fetchall()
    for (day,) in days[::5]:
        expected = rows(connection, f"from {mart} where report_date = ?", [day])
        found = {(row["account_id"], row[key]): row for row in report(connection, name, day, day, {})}
        assert len(found) == len(expected) > 0
        for row in expected:
            values = {column: value for column, value in row.items() if column not in NOT_MEASURES}
            same = found[row["account_id"], row[key]]
            assert {column: same[column] for column in values} == pytest.approx(values, abs=1e-3)


@pytest.mark.parametrize("mart", MARTS)
def test_a_report_of_a_period_sums_the_days_of_the_mart(connection, mart):
    name, key = MARTS[mart]
    columns = [row["column_name"] for row in rows(connection, f"describe {mart}")]
    additive = [column for column in columns if column.endswith(("_n", "_met", "_sum")) or column in ADDITIVE]
    sums = ", ".join(f"coalesce(sum({column}), 0) as {column}" for column in additive)
    groups = f"select account_id, {key}, {sums} from {{}} group by account_id, {key} order by all"
    first, last = ALL_DAYS
    assert rows(connection, groups.format(f"{name}('{first}', '{last}')")) == [
        pytest.approx(row, abs=1e-2) for row in rows(connection, groups.format(mart))
    ]


ADDITIVE = (
    *("conversations", "messages", "closed", "closed_on_day", "reopens", "one_touch", "automation_only"),
    *("windows_expired", "repeats", "turns_answered", "turns_closed", "surveys_sent", "surveys_answered"),
)


def test_the_surveys_of_the_overview_match_the_csat_summary(connection):
    measures = ["surveys_sent", "satisfied", "dissatisfied", *(f"rating_{rating}" for rating in range(1, 6))]
    (overview,) = report(connection, "report_overview", *ALL_DAYS, {})
    sums = ", ".join(f"sum({column}) as {column}" for column in measures)
    (summary,) = rows(
        connection, f"select sum(responses) as csat_n, sum(csat_sum) as csat_sum, {sums} from csat_summary"
    )
    assert {column: overview[column] for column in summary} == summary


def test_the_report_by_hour_matches_the_mart(connection):
    columns = "account_id, iso_weekday, hour, sum(conversations), sum(inbound_messages), sum(agent_messages)"
    first, last = ALL_DAYS
    found, expected = (
        connection.execute(f"select {columns} from {source} group by all order by all").fetchall()
        for source in (f"report_by_hour('{first}', '{last}')", "agg_by_hour")
    )
    assert found == expected


def test_a_period_without_activity_is_a_row_of_zeros_and_nulls(connection):
    (overview,) = report(connection, "report_overview", date(2001, 1, 1), date(2001, 1, 2), {})
    unknown = {name for name, value in overview.items() if value is None}
    assert {value for value in overview.values() if value is not None} == {0}
    assert {"csat_score", "response_rate", "first_response_median", "duration_avg"} <= unknown
    assert report(connection, "report_by_agent", date(2001, 1, 1), date(2001, 1, 2), {}) == []


# Other macros of the report pages

PER = {
    "total": lambda known: [(None, "total")],
    "origin": lambda known: [(None, known["origin"])],
    "agent": lambda known: [(known["account_id"], known["agent_id"] or "Unassigned")],
    "tag": lambda known: [(known["account_id"], tag) for tag in known["tags"]],
    "channel": lambda known: [(known["account_id"], known["channel_id"] or "No channel")],
    "team": lambda known: [(known["account_id"], known["team_id"] or "No team")],
}
STARTS = {
    "day": lambda day: day,
    "week": lambda day: day - timedelta(day.weekday()),
    "month": lambda day: day.replace(day=1),
}


def days_of(from_date, to_date):
    return [from_date + timedelta(i) for i in range((to_date - from_date).days + 1)]


@hypothesis_settings(max_examples=4, deadline=None, derandomize=True)
@given(period=PERIODS, filters=FILTERS)
@example(period=(FIRST_DAY, FIRST_DAY + timedelta(19)), filters={})
@pytest.mark.parametrize("grain", STARTS)
@pytest.mark.parametrize("per", PER)
def test_a_report_over_time_matches_the_second_implementation(connection, facts, per, grain, period, filters):
    groups = defaultdict(lambda: defaultdict(list))
    for day, known, kind, record in activity(facts, filters):
        if day and period[0] <= day <= period[1]:
            for group in PER[per](known):
                groups[STARTS[grain](day), *group][kind].append(record)
    names = {group[1:] for group in groups} | ({(None, "total")} if per == "total" else set())
    starts = {STARTS[grain](day) for day in days_of(*period)}
    named = "".join(f", {name} := ${name}" for name in filters)
    query = f"from report_over_time($a, $b{named}, grain := '{grain}', per := '{per}')"
    listed = rows(connection, query, {"a": period[0], "b": period[1], **filters})
    found = {(row["period_start"], row["account_id"], row["group_id"]): row for row in listed}
    assert found.keys() == {(start, *name) for start in starts for name in names}
    assert len(listed) == len(found)
    for key, row in found.items():
        expected = measure(groups[key])
        assert {name: row[name] for name in expected} == pytest.approx(expected, abs=1e-3), key


@pytest.mark.parametrize("grain", STARTS)
@pytest.mark.parametrize("filters", [{}, {"accounts": ["demo"], "contact_tags": ["new"]}])
def test_origins_over_time_match_the_report_over_time(connection, grain, filters):
    named = "".join(f", {name} := ${name}" for name in filters)
    period = {"a": FIRST_DAY, "b": FIRST_DAY + timedelta(15), **filters}
    columns = "select period_start, {} as origin, conversations from {}($a, $b" + named
    found = rows(
        connection,
        columns.format("origin", "report_origins_over_time") + f", grain := '{grain}') order by all",
        period,
    )
    whole = columns.format("group_id", "report_over_time") + f", grain := '{grain}', per := 'origin')"
    selected = rows(connection, f"select * from ({whole}) order by all", period)
    started = {row["origin"] for row in selected if row["conversations"]}
    assert found == [row for row in selected if row["origin"] in started]


def test_agents_over_time_have_their_names(connection):
    listed = rows(connection, f"from report_over_time('{FIRST_DAY}', '{FIRST_DAY}', per := 'agent')")
    assert {row["group_id"]: row["group_name"] for row in listed} == {
        row["group_id"]: f"Agent {row['group_id'][-1]}" if ":" in row["group_id"] else "Unassigned"
        for row in listed
    }


@pytest.mark.parametrize("filters", [{}, {"accounts": ["second"], "origins": ["flow", "inbox"]}])
@pytest.mark.parametrize("length", [1, 7])
def test_the_previous_period_has_the_same_length_and_ends_the_day_before(connection, length, filters):
    start = FIRST_DAY + timedelta(9)
    now = start, start + timedelta(length - 1)
    before = start - timedelta(length), start - timedelta(1)
    ((current,), (previous,)) = (
        report(connection, "report_overview", *days, filters) for days in (now, before)
    )
    listed = report(connection, "report_overview_compared", *now, filters)
    found = {row["measure"]: row for row in listed}
    assert {name: row["value"] for name, row in found.items()} == pytest.approx(current)
    assert {name: row["previous_value"] for name, row in found.items()} == pytest.approx(previous)
    messages = found["messages"]
    assert messages["difference"] == current["messages"] - previous["messages"]
    assert messages["change"] == pytest.approx(current["messages"] / previous["messages"] - 1)


def test_without_previous_values_the_change_is_null(connection):
    found = report(connection, "report_overview_compared", FIRST_DAY - timedelta(5), FIRST_DAY, {})
    (conversations,) = (row for row in found if row["measure"] == "conversations")
    assert (conversations["previous_value"], conversations["change"]) == (0, None)
    assert conversations["difference"] == conversations["value"] > 0


def test_the_trend_is_the_mean_of_seven_days_with_data(connection, facts):
    period = FIRST_DAY + timedelta(2), FIRST_DAY + timedelta(12)
    found = report(connection, "report_trend", *period, {"accounts": ["demo"]})
    counted = Counter(c["started_on"] for c in facts.conversations if c["account_id"] == "demo")
    assert [row["day"] for row in found] == days_of(*period)
    for row in found:
        week = days_of(row["day"] - timedelta(6), row["day"])
        assert row["conversations"] == counted[row["day"]]
        if week[0] < FIRST_DAY:  # the account has no data of that day
            assert row["conversations_mean"] is None
        else:
            assert row["conversations_mean"] == pytest.approx(fmean(counted[day] for day in week))


@pytest.mark.parametrize("filters", [{}, {"contact_tags": ["vip"], "working_hours": False}])
def test_the_heatmap_has_every_hour_of_the_week(connection, facts, filters):
    period = FIRST_DAY, FIRST_DAY + timedelta(9)
    counted = Counter(
        (c["started_on"].isoweekday(), c["started_hour"]) for c in started(facts, filters, days_of(*period))
    )
    found = report(connection, "report_heatmap", *period, filters)
    assert {(row["iso_weekday"], row["hour"]): row["conversations"] for row in found} == {
        (weekday, hour): counted[weekday, hour] for weekday in range(1, 8) for hour in range(24)
    }


def started(facts, filters, days):
    return [c for c in facts.conversations if selects(filters, c) and c["started_on"] in days]


@pytest.mark.parametrize("filters", [{}, {"agents": ["demo:1", "Unassigned"]}])
def test_tags_are_compared_with_the_previous_period(connection, facts, filters):
    period = FIRST_DAY + timedelta(10), FIRST_DAY + timedelta(14)
    before = days_of(FIRST_DAY + timedelta(5), FIRST_DAY + timedelta(9))
    counts = defaultdict(lambda: [0, 0])
    for position, days in enumerate((days_of(*period), before)):
        for c in started(facts, filters, days):
            for tag in tags(c):
                counts[c["account_id"], tag][position] += 1
    found = report(connection, "report_by_tag_compared", *period, filters)
    assert {
        (row["account_id"], row["tag"]): (
            row["conversations"],
            row["previous_conversations"],
            row["difference"],
            row["change"],
        )
        for row in found
    } == {
        key: (now, then, now - then, pytest.approx(now / then - 1) if then else None)
        for key, (now, then) in counts.items()
    }


def test_the_inbox_counts_all_that_is_open_now_and_what_started_in_the_period(connection, facts):
    period, filters = (FIRST_DAY, FIRST_DAY + timedelta(9)), {"accounts": ["demo"]}
    found = report(connection, "report_inbox", *period, filters)
    in_period = started(facts, filters, days_of(*period))
    is_open = [c for c in facts.conversations if selects(filters, c) and not c["is_closed"]]
    assert {row["agent_id"] for row in found} == {c["agent_id"] for c in [*in_period, *is_open]}
    for row in found:
        mine, theirs = (
            [c["status"] for c in group if c["agent_id"] == row["agent_id"]] for group in (is_open, in_period)
        )
        assert row["open"] == len(mine)
        assert [row["new"], row["in_progress"]] == [mine.count("new"), mine.count("in_progress")]
        assert (row["conversations"], row["closed"]) == (len(theirs), theirs.count("closed"))
    assert sum(row["open"] for row in found) > sum(c["status"] != "closed" for c in in_period)


def test_a_timeline_contains_the_events_in_order(connection, facts):
    for c in facts.conversations[:30]:
        own = [m for m in facts.messages if m["conversation_id"] == c["conversation_id"]]
        found = rows(connection, "from report_timeline(?)", [c["conversation_id"]])
        kinds = [row["event"] for row in found]
        assert kinds.count("inbound") == sum(m["direction"] == "inbound" for m in own)
        assert kinds.count("automated") == sum(m["is_automated"] for m in own)
        assert kinds.count("closed") == c["is_closed"]
        assigned = [row["agent_id"] for row in found if row["event"] == "assigned"]
        assert assigned == ([c["agent_id"]] if c["is_closed"] and c["agent_id"] else [])
        assert [row["happened_at"] for row in found] == sorted(row["happened_at"] for row in found)
        assert {row["time_zone"] for row in found} == {synthetic_candidate.ACCOUNTS[c["account_id"]]}


def test_the_waits_of_a_timeline_match_the_conversation(sample):
    with reader(sample) as connection:
        conversations = rows(
            connection, "from fct_conversations where agent_messages > 1 order by conversation_id limit 60"
        )
        for c in conversations:
            answered, waited = connection.execute(
                "select count(wait_seconds), sum(wait_seconds) from report_timeline(?)",
                [c["conversation_id"]],
            ).fetchone()
            assert answered == c["turns_answered"], c
            assert waited == pytest.approx(c["total_wait_seconds"])


def test_a_timeline_of_another_account_is_empty(connection, facts):
    theirs = next(c for c in facts.conversations if c["account_id"] == "second")["conversation_id"]
    assert rows(connection, "from report_timeline(?, accounts := ['second'])", [theirs])
    assert rows(connection, "from report_timeline(?, accounts := ['demo'])", [theirs]) == []


@pytest.mark.parametrize("accounts", [None, ["demo"], []])
def test_the_choices_are_the_values_of_the_accounts(connection, facts, accounts):
    own = [c for c in facts.conversations if accounts is None or c["account_id"] in accounts]
    found = defaultdict(set)
    for row in rows(connection, "from report_choices(accounts := ?)", [accounts]):
        found[row["filter"]].add(row["value"])
    assert found == {
        name: values
        for name, values in {
            "accounts": set(SATISFIED_FROM if accounts is None else accounts),
            "agents": {c["agent_id"] or "Unassigned" for c in own},
            "origins": {c["origin"] for c in own},
            "channels": {c["channel_id"] for c in own},
            "teams": {c["team_id"] for c in own} - {None},
            "conversation_tags": {tag for c in own for tag in tags(c)},
            "contact_tags": {tag for c in own for tag in c["contact_tags"]},
        }.items()
        if values
    }


def test_the_days_match_the_mart(connection):
    found = rows(connection, "from report_days(accounts := ['second'])")
    expected = connection.execute(
        "select min(report_date), max(report_date) from agg_overview where account_id = 'second'"
    ).fetchone()
    assert [tuple(row.values()) for row in found] == [expected]


@pytest.mark.parametrize(
    ("call", "named"),
    [
        ("report_overview($b, $a)", "swap them"),
        ("report_trend($b, $a)", "swap them"),
        ("report_by_hour($b, $a)", "swap them"),
        ("report_backlog($b, $a)", "swap them"),
        (
            "report_details($a, $b, agents := ['Agent 9'])",
            "possible values: Agent 0, Agent 1, Agent 2, Agent 3, Unassigned",
        ),
        ("report_details($a, $b, agents := ['Agent 0', 'Agent 9'])", "does not exist: Agent 9; possible"),
        ("report_by_tag($a, $b, conversation_tags := ['vip'])", "billing, delivery, refund, Untagged"),
        ("report_overview($a, $b, contact_tags := ['billing'])", "possible values: new, vip"),
        ("report_by_agent($a, $b, channels := ['c9'])", "possible values: c0, c1"),
        ("report_by_agent($a, $b, teams := ['t9'])", "possible values: t1"),
        (
            "report_over_time($a, $b, grain := 'fortnight')",
            "possible values: day, week, month, quarter, year",
        ),
        (
            "report_over_time($a, $b, per := 'people')",
            "possible values: total, origin, agent, channel, team, tag",
        ),
    ],
)
def test_an_invalid_value_is_an_error_with_the_possible_values(connection, call, named):
    with pytest.raises(duckdb.Error, match=re.escape(named)):
        rows(connection, f"from {call}", {"a": FIRST_DAY, "b": FIRST_DAY + timedelta(5)})


@pytest.mark.parametrize("name", ["agents", "channels", "teams", "conversation_tags", "contact_tags"])
def test_every_report_with_filters_rejects_an_unknown_value(connection, name):
    reports = connection.execute(
        "select function_name, list_contains(parameters, 'from_date') from duckdb_functions()"
        " where not internal and list_contains(parameters, 'agents') and function_name like 'report%'"
    ).fetchall()
    assert len(reports) > 15
    for report_name, has_period in reports:
        period = f"'{FIRST_DAY}', '{FIRST_DAY}', " if has_period else ""
        with pytest.raises(duckdb.Error, match=f"{name} has a value that does not exist: unknown"):
            connection.execute(f"from {report_name}({period}{name} := ['unknown'])").fetchall()


def test_only_the_agents_of_the_accounts_are_listed_in_an_error(connection):
    with pytest.raises(duckdb.Error, match="possible values: Unassigned"):
        rows(
            connection,
            "from report_overview($a, $a, accounts := ['nobody'], agents := ['Agent 9'])",
            {"a": FIRST_DAY},
        )


def test_the_backlog_report_matches_the_mart(connection):
    columns = "account_id, agent_id, agent_name, report_date, open, open_over_1_day, open_over_7_days"
    first, last = ALL_DAYS
    found, expected = (
        connection.execute(f"select {columns} from {source} order by all").fetchall()
        for source in (f"report_backlog('{first}', '{last}')", "agg_backlog")
    )
    assert found == expected


def test_every_macro_and_table_is_described(connection):
    functions = "select function_name from duckdb_functions() where not internal and comment is null"
    assert connection.execute(functions).fetchall() == []
