"""One history on platform `chatwoot` in three export formats: all give the same rows, computed by hand.

Belongs here: the marts of the exports. Does not: the formats of the exports (`chatwoot_exports`), nor single
cases of a staging model (dbt's unit tests).
"""

import json
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from temporary_home import jsonl

from orchestration.quality.gate import run_gate
from orchestration.settings import Settings
from tests.chatwoot_exports import (
    ANNA,
    BOT,
    BRUNO,
    END,
    RATED,
    START,
    as_conversation,
    as_in_messages_api,
    as_pushed,
    as_webhook,
    contact,
    iso,
    message,
    unix,
    webhooks,
    with_last_message,
)

CONVERSATIONS = [
    {
        # A bot starts, Anna and Bruno answer, then closed, reopened by the customer, snoozed and closed.
        "id": 11,
        "at": 0,
        "contact": contact(501),
        "assignee": ANNA,
        "team": {"id": 3, "name": "Sales"},
        "labels": ["billing", "vip"],
        "statuses": [
            (0, "pending"),
            (60, "open"),
            (500, "resolved"),
            (3600, "open"),
            (3800, "snoozed"),
            (3900, "open"),
            (4000, "resolved"),
        ],
        "messages": [
            message(1001, 0, "incoming", contact(501)),
            message(1002, 5, "outgoing", BOT),
            message(1003, 8, "template"),
            message(1004, 60, "activity"),
            message(1005, 90, "outgoing", ANNA, private=True),
            message(1006, 120, "outgoing", ANNA),
            message(1007, 300, "incoming", contact(501)),
            message(1008, 330, "outgoing", content_attributes={"automation_rule_id": 4}),
            message(1009, 400, "outgoing", BRUNO),
            message(1010, 500, "activity"),
            message(
                1011, 502, "template", content_type="input_csat", later=(4500, {"content_attributes": RATED})
            ),
            message(1012, 3600, "incoming", contact(501)),
            message(1013, 3700, "outgoing", ANNA),
        ],
    },
    {
        # Bruno opens with a template, and there is no further message.
        "id": 12,
        "at": 1000,
        "contact": contact(502),
        "assignee": BRUNO,
        "labels": [],
        "statuses": [(1000, "open")],
        "messages": [
            message(
                1020,
                1000,
                "outgoing",
                BRUNO,
                additional_attributes={"template_params": {"name": "order_update", "language": "it"}},
            )
        ],
    },
    {
        # A campaign in Anna's name; the customer's reply is unanswered.
        "id": 13,
        "at": 2000,
        "contact": contact(503),
        "labels": ["promo"],
        "statuses": [(2000, "open")],
        "messages": [
            message(1030, 2000, "outgoing", ANNA, additional_attributes={"campaign_id": 5}),
            message(1031, 2100, "incoming", contact(503)),
        ],
    },
    {
        # Still assigned to the bot, whose message is deleted.
        "id": 14,
        "at": 100000,
        "contact": contact(504),
        "assignee": BOT,
        "labels": [],
        "statuses": [(100000, "pending")],
        "messages": [
            message(1040, 100000, "incoming", contact(504)),
            message(1041, 100005, "outgoing", BOT, later=(100020, {"content_attributes": {"deleted": True}})),
        ],
    },
    {
        # Answered once and closed; the survey is not answered.
        "id": 15,
        "at": 110000,
        "contact": contact(505),
        "assignee": ANNA,
        "labels": ["billing"],
        "statuses": [(110000, "open"), (110100, "resolved")],
        "messages": [
            message(1050, 110000, "incoming", contact(505)),
            message(1051, 110060, "outgoing", ANNA, later=(110070, {"status": "read"})),
            message(1052, 110101, "template", content_type="input_csat"),
        ],
    },
]
REPORTING_EVENTS = [
    # event, conversation, time, value
    ("first_response", 11, 120, 60.5),
    ("conversation_bot_handoff", 11, 60, 60.0),
    ("conversation_opened", 11, 60, 0.0),
    ("conversation_resolved", 11, 500, 500.0),
    ("conversation_opened", 11, 3600, 3100.0),
    ("conversation_opened", 11, 3900, 3400.0),
    ("conversation_resolved", 11, 4000, 4000.0),
    ("conversation_resolved", 15, 110100, 100.0),
]


def write(landing: Path, account: str, name: str, content: object) -> None:
    path = landing / account / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())


def write_events_and_ratings(landing: Path, account: str) -> None:
    reported = [
        {
            "id": number,
            "name": name,
            "value": value,
            "value_in_business_hours": value,
            "event_start_time": iso(0),
            "event_end_time": iso(at),
            "account_id": 1,
            "inbox_id": 4,
            "user_id": 7,
            "conversation_id": 9000 + conversation,
            "conversation_display_id": conversation,
            "created_at": iso(at),
        }
        for number, (name, conversation, at, value) in enumerate(REPORTING_EVENTS, start=1)
    ]
    write(landing, account, "reporting_events/1.json", {"payload": reported, "meta": {"count": 8}})
    answer = {
        "id": 1,
        "rating": 4,
        "feedback_message": "Grazie!",
        "account_id": 1,
        "message_id": 1011,
        "conversation_id": 11,
        "contact": contact(501),
        "assigned_agent": ANNA,
        "created_at": unix(4500),
    }
    write(landing, account, "csat_survey_responses/1.json", [answer])


def write_agents_and_contacts(landing: Path, account: str) -> None:
    agents = [{"id": a["id"], "name": a["name"], "email": "a@b.it", "role": "agent"} for a in (ANNA, BRUNO)]
    write(landing, account, "agents/1.json", agents)
    people = [
        {"id": number, "name": "Carla", "phone_number": "+39333", "created_at": unix(-100)}
        for number in range(501, 506)
    ]
    write(landing, account, "contacts/1.json", {"meta": {"count": 5}, "payload": people})


BAD = [
    b'{"event": "message_created"',
    json.dumps({"id": 1}).encode(),
    json.dumps(
        as_webhook(CONVERSATIONS[1], message(1099, 1000, "incoming"), "message_created", 1000)
        | {"message_type": "hologram"}
    ).encode(),
]


@pytest.fixture(scope="module")
def home(build, tmp_path_factory) -> Path:
    """Return a home of three accounts with one history, and one of another platform with the same ids."""
    folder = tmp_path_factory.mktemp("chatwoot")
    landing, seeds = folder / "landing", folder / "seeds"
    seeds.mkdir()
    accounts = "nested,chatwoot,UTC\nwebhooks,chatwoot,UTC\nseparate,chatwoot,UTC\nother,activecampaign,UTC\n"
    (seeds / "accounts.csv").write_text("account_id,platform,time_zone\n" + accounts)

    with_all_messages = [
        as_conversation(c, END, [as_pushed(c, sent, END) for sent in c["messages"]]) for c in CONVERSATIONS
    ]
    write(
        landing,
        "nested",
        "conversations/1.json",
        {"data": {"meta": {"all_count": 5}, "payload": with_all_messages}},
    )
    write_events_and_ratings(landing, "nested")
    write_agents_and_contacts(landing, "nested")

    write(landing, "webhooks", "webhooks/1.jsonl", jsonl(*webhooks(CONVERSATIONS)) + b"\n".join(BAD) + b"\n")
    write_agents_and_contacts(landing, "webhooks")

    for now in (2050, END):
        started = [with_last_message(c, now) | {"novelty": 1} for c in CONVERSATIONS if c["at"] <= now]
        write(landing, "separate", f"conversations/{now}.json", {"data": {"payload": started}})
    for c in CONVERSATIONS:
        page = {"meta": {}, "payload": [as_in_messages_api(c, sent) for sent in c["messages"]]}
        write(landing, "separate", f"messages/{c['id']}.json", page)
    write_events_and_ratings(landing, "separate")
    write_agents_and_contacts(landing, "separate")

    write(landing, "other", "conversations/1.jsonl", jsonl({"id": 11, "created_on": unix(0), "contact": 501}))
    received = {"id": 1001, "timestamp": unix(0), "conversation": 11, "direction": "INBOUND"}
    write(landing, "other", "messages/1.jsonl", jsonl(received))

    return build(landing, folder / "home", seeds).parent


@pytest.fixture
def marts(home):
    with duckdb.connect(home / "candidate.duckdb", read_only=True) as connection:
        connection.execute(f"set variable raw = '{home / 'raw'}'")
        connection.execute(f"set variable rejected = '{home / 'rejected'}/*.parquet'")
        yield connection


def rows(marts, table: str, account: str, key: str, without: tuple[str, ...] = ()) -> dict[str, dict]:
    """Return the rows of an account by key, without the values that differ between accounts."""
    marts.execute("SET TimeZone = 'UTC'")
    cursor = marts.execute(f"from {table} where account_id = ?", [account])
    columns = [column[0] for column in cursor.description]
    plain = [
        {
            name: value.removeprefix(f"{account}:") if isinstance(value, str) else value
            for name, value in zip(columns, row, strict=True)
            if name not in ("account_id", "contact_key", "owner_key", *without)
        }
        for row in cursor.fetchall()
    ]
    return {row[key]: row for row in plain}


@pytest.mark.parametrize(
    ("table", "key"), [("fct_conversations", "conversation_id"), ("fct_messages", "message_id")]
)
def test_three_export_formats_of_a_history_give_the_same_rows(marts, table, key):
    nested, webhooks, separate = (rows(marts, table, a, key) for a in ("nested", "webhooks", "separate"))
    assert len(nested) == {"fct_conversations": 5, "fct_messages": 18}[table]
    assert webhooks == nested
    assert separate == nested


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(START.timestamp() + seconds, UTC).replace(tzinfo=None)


EXPECTED = {
    "11": {
        "origin": "inbound",
        "status": "closed",
        "agent_id": "7",
        "team_id": "3",
        "channel_id": "4",
        "conversation_tags": ["billing", "vip"],
        "messages": 10,  # 13 without one note and two activity lines
        "inbound_messages": 3,
        "agent_messages": 3,
        "automated_messages": 4,
        "agents_replied": 2,
        "reopens": 1,
        "windows_expired": 0,
        "turns_answered": 3,
        "turns_waiting": 0,
        "duration_seconds": 4000,
        "first_response_agent_id": "7",
        "first_response_seconds": 60,
        "total_wait_seconds": 120 + 100 + 100,
        "max_wait_seconds": 120,
        "csat_rating": 4,
        "is_one_touch": False,
        "started_at": at(0),
        "first_closed_at": at(500),
        "closed_at": at(4000),
        "survey_sent_at": at(502),
        "survey_responded_at": at(4500),
    },
    "12": {
        "origin": "inbox",
        "status": "in_progress",
        "agent_id": "8",
        "conversation_tags": [],
        "messages": 1,
        "agent_messages": 0,
        "automated_messages": 0,
        "first_response_seconds": None,
    },
    "13": {
        "origin": "other",
        "status": "in_progress",
        "agent_id": None,
        "conversation_tags": ["promo"],
        "messages": 2,
        "agent_messages": 0,
        "automated_messages": 1,
        "turns_waiting": 1,
        "windows_expired": 1,
    },
    "14": {
        "origin": "inbound",
        "status": "in_flow",
        "agent_id": None,
        "messages": 2,
        "automated_messages": 1,
        "turns_waiting": 1,
        "windows_expired": 0,
        "closed_at": None,
    },
    "15": {
        "origin": "inbound",
        "status": "closed",
        "agent_id": "7",
        "conversation_tags": ["billing"],
        "messages": 3,
        "agent_messages": 1,
        "automated_messages": 1,
        "reopens": 0,
        "duration_seconds": 100,
        "first_response_seconds": 60,
        "csat_rating": None,
        "is_one_touch": True,
        "survey_sent_at": at(110101),
        "survey_responded_at": None,
    },
}


def test_the_figures_match_those_computed_by_hand(marts):
    found = rows(marts, "fct_conversations", "nested", "conversation_id")
    assert found.keys() == EXPECTED.keys()
    for conversation, expected in EXPECTED.items():
        values = {name: found[conversation][name] for name in expected}
        values = {n: v.replace(tzinfo=None) if isinstance(v, datetime) else v for n, v in values.items()}
        assert values == expected, conversation


def test_a_message_has_its_source_and_delivery_status(marts):
    found = rows(marts, "fct_messages", "webhooks", "message_id")
    assert {number: row["source"] for number, row in found.items() if row["direction"] == "outbound"} == {
        "1002": "agent_bot",
        "1003": "template",
        "1006": "user",
        "1008": "automation_rule",
        "1009": "user",
        "1011": "template",
        "1013": "user",
        "1020": "user",
        "1030": "campaign",
        "1041": "agent_bot",
        "1051": "user",
        "1052": "template",
    }
    assert {n: row["delivery_status"] for n, row in found.items() if row["delivery_status"] != "sent"} == {
        **dict.fromkeys(("1001", "1007", "1012", "1031", "1040", "1050"), "received"),
        "1041": "deleted",
        "1051": "read",
    }
    assert found["1020"]["template_name"] == "order_update"


def test_labels_are_rows_of_the_bridge_and_unanswered_surveys_count_as_sent(marts):
    for account in ("nested", "webhooks", "separate"):
        bridge = marts.execute(
            "select conversation_id, tag from bridge_conversation_tags where account_id = ? order by all",
            [account],
        ).fetchall()
        assert [(c.removeprefix(f"{account}:"), tag) for c, tag in bridge] == [
            ("11", "billing"),
            ("11", "vip"),
            ("13", "promo"),
            ("15", "billing"),
        ]
        sent = "select sum(surveys_sent), sum(responses) from csat_summary where account_id = ?"
        assert marts.execute(sent, [account]).fetchone() == (2, 1)
        names = "select agent_name from dim_agents where account_id = ? order by all"
        assert marts.execute(names, [account]).fetchall() == [("Anna Neri",), ("Bruno",)]


def test_every_blocking_check_passes(home):
    blocking = [result for result in run_gate(Settings(home=home)) if result.check.severity == "error"]
    assert [(r.table, r.check.name, r.examples) for r in blocking if not r.passed] == []


def test_an_account_of_another_platform_with_the_same_ids_is_separate(marts):
    (found,) = rows(marts, "fct_conversations", "other", "conversation_id").values()
    assert (found["conversation_id"], found["messages"], found["origin"]) == ("11", 1, "inbound")
    assert (found["conversation_tags"], found["agent_id"], found["survey_sent_at"]) == ([], None, None)
    assert len(rows(marts, "fct_messages", "other", "message_id")) == 1


def test_invalid_records_are_rejected_by_line_and_unknown_fields_are_named(marts):
    rejected = marts.execute(
        "select entity, file, line, field, reason from read_parquet(getvariable('rejected')) order by line"
    ).fetchall()
    line = len(webhooks(CONVERSATIONS))
    assert rejected == [
        ("conversations", "webhooks/webhooks/1.jsonl", line + 1, None, "it is not valid JSON"),
        ("conversations", "webhooks/webhooks/1.jsonl", line + 2, None, "event is missing"),
        (
            *("messages", "webhooks/webhooks/1.jsonl", line + 3, "message_type"),
            "message_type is none of 0, 1, 2, 3, incoming, outgoing, activity, template",
        ),
    ]
    ledger = marts.execute("""
        select account_id, entity, unknown_fields
        from read_parquet(getvariable('raw') || '/ingested_files/*.parquet')
        where unknown_fields <> [] group by all""").fetchall()
    assert ledger == [("separate", "conversations", ["novelty"])]


def test_contents_and_personal_data_are_not_ingested(marts):
    for folder in ("conversations", "messages", "contacts", "csat_survey_responses"):
        files = f"getvariable('raw') || '/{folder}/chatwoot/*.parquet'"
        query = f"select string_agg(cast(to_json(r) as varchar), '') from read_parquet({files}) as r"
        text = marts.execute(query).fetchone()[0]
        assert text
        assert [word for word in ("Buongiorno", "Carla", "+39333", "Grazie", "@") if word in text] == []
