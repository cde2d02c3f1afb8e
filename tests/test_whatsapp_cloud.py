"""Platform `whatsapp_cloud` from its envelopes to the published tables.

Belongs here: a small landing with figures computed by hand, personal data, and random streams compared with a
second implementation of conversations. Does not: single cases of a model (dbt's unit tests).
"""

import csv
import hashlib
import json
import random
import shutil
from collections import Counter, defaultdict
from datetime import UTC, datetime
from itertools import pairwise

import duckdb
import pytest

from orchestration.ingest.pipeline import ingest
from orchestration.publish.store import publish
from orchestration.quality.gate import run_gate
from orchestration.quality.marts import MARTS
from orchestration.settings import Settings
from orchestration.warehouse.candidate import complete_build
from tests.conftest import project_with
from tests.whatsapp_cloud_exports import (
    WINDOW,
    envelope,
    random_stream,
    stream_files,
    write_lines,
)

ADA, BOB, CARLA = "393331112223", "393334445556", "393337778889"
WAMID = "wamid.HBgMMzkzMzMxMTEyMjIzFQIAEhgU"


def seconds(text):
    return str(int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()))


def text(identifier, at, **contact):
    body = {"type": "text", "text": {"body": "Il mio ordine 4711?"}}
    return {"id": WAMID + identifier, "timestamp": seconds(at), **body, **contact}


def status(identifier, code, at, recipient, **more):
    return {
        "id": WAMID + identifier,
        "status": code,
        "timestamp": seconds(at),
        "recipient_id": recipient,
        **more,
    }


def price(category, billable):
    pricing = {"billable": billable, "pricing_model": "PMP", "category": category, "type": "regular"}
    conversation = {"id": "c0ffee", "origin": {"type": category}, "expiration_timestamp": "1772000000"}
    return {"pricing": pricing, "conversation": conversation}


def contact(name, **ids):
    return {"profile": {"name": name}, **ids}


def write_seeds(folder, accounts):
    folder.mkdir(parents=True)
    with (folder / "accounts.csv").open("w", newline="") as file:
        rows = [(account, "whatsapp_cloud", "UTC") for account in accounts]
        csv.writer(file, lineterminator="\n").writerows([("account_id", "platform", "time_zone"), *rows])


@pytest.fixture(scope="module")
def shop(build, tmp_path_factory):
    """Return the settings of a home with the published envelopes of three customers."""
    folder = tmp_path_factory.mktemp("shop")
    landing = folder / "landing" / "shop" / "webhooks"
    ada = contact("Ada Verdi", wa_id=ADA, user_id="IT.77")
    asked = envelope(contacts=[ada], messages=[text("A1", "2026-03-02T09:00:00", **{"from": ADA})])
    answered = envelope(
        "smb_message_echoes",
        message_echoes=[text("A2", "2026-03-02T09:10:00", **{"from": "390612345678", "to": f"+{ADA}"})],
    )
    read = status("B1", "read", "2026-03-02T10:05:00", BOB)
    offered = [
        envelope(statuses=[read]),
        envelope(
            statuses=[status("B1", "sent", "2026-03-02T10:00:00", BOB, **price("marketing", True)), read]
        ),
        envelope(
            statuses=[status("B1", "delivered", "2026-03-02T10:01:00", BOB, **price("marketing", True))]
        ),
    ]
    rejected = status(
        "C1",
        "failed",
        "2026-03-02T10:00:02",
        CARLA,
        errors=[{"code": 131026, "title": "Message undeliverable", "error_data": {"details": "…"}}],
    )
    replied = envelope(
        contacts=[contact("Bob Neri", wa_id=BOB)],
        messages=[text("B2", "2026-03-03T09:59:59", **{"from": BOB})],
    )
    thanked = envelope(statuses=[status("B3", "sent", "2026-03-03T10:00:01", BOB, **price("service", False))])
    # Ada's number is withheld. The envelope also contains a notice and a message without a time.
    notice = {
        "id": WAMID + "N1",
        "from": ADA,
        "timestamp": seconds("2026-03-04T11:00:00"),
        "type": "system",
        "system": {"body": f"User Ada changed from {ADA} to {ADA}", "type": "user_changed_number"},
    }
    back = envelope(
        contacts=[contact("Ada Verdi", user_id="IT.77")],
        messages=[
            text("A3", "2026-03-04T12:00:00", from_user_id="IT.77"),
            notice,
            {"id": WAMID + "X1", "from": BOB, "type": "text"},
        ],
    )
    other = envelope("account_update", event="VERIFIED_ACCOUNT")
    write_lines(landing / "2026-03-02.jsonl", [answered, *offered, envelope(statuses=[rejected])])
    write_lines(landing / "2026-03-04.jsonl.gz", [back, other, thanked, offered[0]])
    (landing / "one.json").write_text(json.dumps(asked))
    (landing / "several.json").write_text(json.dumps([replied, asked]))
    write_seeds(folder / "seeds", ["shop"])
    build(folder / "landing", folder / "home", folder / "seeds")
    settings = Settings(
        home=folder / "home",
        landing=folder / "landing",
        project=folder / "home" / "project",
        hash_key="the same key for all",
    )
    complete_build(settings, "fingerprint", "rules", [])
    publish(settings, {"passed": [], "warned": []})
    return settings


def rows(settings, query):
    with duckdb.connect(settings.published_path / "reports.duckdb", read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_each_message_has_one_row_with_its_delivery(shop):
    found = rows(
        shop,
        """
        select source, message_type, delivery_status, error_code, pricing_category, is_billable,
            is_agent_message, is_automated, has_conversation, strftime(sent_at, '%d %H:%M:%S'),
            strftime(delivered_at, '%H:%M'), strftime(read_at, '%H:%M')
        from fct_messages order by sent_at
        """,
    )
    yes, no = True, False
    assert found == [
        ("inbound", "text", "received", None, None, None, no, no, yes, "02 09:00:00", None, None),
        ("business_app", "text", None, None, None, None, yes, no, yes, "02 09:10:00", None, None),
        ("api", None, "read", None, "marketing", yes, no, yes, yes, "02 10:00:00", "10:01", "10:05"),
        ("api", None, "failed", "131026", None, None, no, yes, yes, "02 10:00:02", None, None),
        ("inbound", "text", "received", None, None, None, no, no, yes, "03 09:59:59", None, None),
        ("api", None, "sent", None, "service", no, no, yes, yes, "03 10:00:01", None, None),
        ("inbound", "text", "received", None, None, None, no, no, yes, "04 12:00:00", None, None),
    ]


def test_a_closed_window_starts_a_new_conversation(shop):
    found = rows(
        shop,
        """
        select origin, status, channel_id, messages, inbound_messages, agent_messages, automated_messages,
            is_one_touch, first_response_seconds, duration_seconds, strftime(started_at, '%d %H:%M')
        from fct_conversations order by started_at
        """,
    )
    assert found == [
        ("inbound", "closed", "1060", 2, 1, 1, 0, True, 600.0, 600.0, "02 09:00"),
        # Bob answers the offer a second before the end of its waiting time.
        ("other", "closed", "1060", 3, 1, 0, 2, False, None, 86401.0, "02 10:00"),
        ("other", "not_contacted", "1060", 1, 0, 0, 1, False, None, None, "02 10:00"),
        ("inbound", "in_progress", "1060", 1, 1, 0, 0, False, None, None, "04 12:00"),
    ]


def test_a_contact_with_and_without_a_number_is_one_contact(shop):
    keys = [key for (key,) in rows(shop, "select contact_key from fct_conversations order by started_at")]
    assert len(set(keys)) == 3
    assert keys[0] == keys[3]
    assert rows(shop, "select count(*) from dim_contacts") == [(3,)]
    assert rows(shop, "select agent_id, agent_name from dim_agents") == [
        ("shop:business_app_1060", "WhatsApp Business app")
    ]


def test_deliveries_are_counted_by_day_and_pricing_category(shop):
    found = rows(
        shop,
        """
        select day(report_date), pricing_category, messages, sent, delivered, read, failed, billable,
            delivery_rate, read_rate, failure_rate
        from agg_delivery order by report_date, pricing_category nulls last
        """,
    )
    assert found == [
        (2, "marketing", 1, 1, 1, 1, 0, 1, 1.0, 1.0, 0.0),
        (2, None, 2, 0, 0, 0, 1, 0, None, None, 1.0),
        (3, "service", 1, 1, 0, 0, 0, 0, 0.0, None, 0.0),
    ]


def test_only_a_message_without_a_time_is_rejected(shop):
    with duckdb.connect() as connection:
        rejected = connection.execute(
            f"select entity, file, line, field, reason from '{shop.rejected_path}/*.parquet' where raw <> ''"
        ).fetchall()
        unknown = connection.execute(
            f"select distinct unnest(unknown_fields) from '{shop.raw_path}/ingested_files/*.parquet'"
        ).fetchall()
    assert rejected == [
        ("messages", "shop/webhooks/2026-03-04.jsonl.gz", 1, "timestamp", "timestamp is missing")
    ]
    assert unknown == [("entry.changes.value.event",)], "a field of a change without messages"


def test_published_files_contain_no_personal_data(shop):
    secrets = [ADA, BOB, CARLA, "390612345678", "wamid", WAMID[6:], "4711", "Verdi", "Neri", "IT.77"]
    secrets += [hashlib.sha256(secret.encode()).hexdigest() for secret in (ADA, f"shop:{ADA}")]
    files = [path for path in shop.published_path.rglob("*") if path.is_file()]
    assert len(files) > 10
    for path in files:
        found = [secret for secret in secrets if secret.encode() in path.read_bytes()]
        assert found == [], path
    # The content of the database is compressed, so the test also reads its rows.
    for (table,) in rows(shop, "select schema_name || '.' || table_name from duckdb_tables()"):
        values = "\n".join(value for (value,) in rows(shop, f"select t::varchar from {table} as t"))
        assert [secret for secret in secrets if secret in values] == [], table


def failed_checks(settings, *tables):
    marts = [mart for mart in MARTS if not tables or mart.table in tables]
    return {
        result.check.name
        for result in run_gate(settings, marts)
        if not result.passed and result.check.severity == "error"
    }


def test_the_gate_fails_only_for_the_rejected_records(shop):
    assert failed_checks(shop) == {"rejection_rate_within_limit"}


@pytest.mark.parametrize("source", ["inbound", "business_app", "api"])
def test_the_gate_detects_a_missing_message(shop, tmp_path, source):
    damaged = Settings(home=shutil.copytree(shop.home, tmp_path / "home"), project=shop.project)
    with duckdb.connect(damaged.candidate_path) as connection:
        connection.execute(f"delete from fct_messages where source = '{source}'")
    assert "messages_match_raw_files" in failed_checks(damaged, "fct_messages")


FURTHEST = ["read", "delivered", "deleted", "failed", "sent"]


def expected_messages(account, events, sha):
    """Return the messages of an account in order, computed from the definitions."""
    linked = {user: wa for *_, (wa, user), _ in events if wa and user}
    found = {}
    for kind, channel, (wa, user), record in events:
        if kind == "contacts":
            continue
        message = found.setdefault(
            record["id"], {"statuses": [], "kind": "statuses", "prices": [], "channel": channel}
        )
        message["contact"] = f"{account}:{wa or linked.get(user, user)}"
        if kind != "statuses":
            message |= {"kind": kind, "at": int(record["timestamp"])}
            found[record["id"]] = message
        else:
            message["statuses"].append((record["status"], int(record["timestamp"])))
            if "pricing" in record:
                message["prices"].append((int(record["timestamp"]), record["pricing"]))
    for identifier, message in found.items():
        message["hash"] = sha(f"{account}:{identifier}")
        message.setdefault("at", min((at for _, at in message["statuses"]), default=None))
        message["inbound"] = message["kind"] == "messages"
        reached = {code for code, _ in message["statuses"]}
        furthest = next((code for code in FURTHEST if code in reached), None)
        message["status"] = "received" if message["inbound"] else furthest
    return sorted(found.values(), key=lambda one: (one["at"], not one["inbound"], one["hash"]))


def add_conversations(messages, window=WINDOW):
    """Add the conversation to each message, message by message."""
    outreach_at, last_inbound, current = {}, {}, {}
    for message in messages:
        at, thread = message["at"], (message["channel"], message["contact"])
        is_closed = thread not in last_inbound or at - last_inbound[thread] >= window
        is_answerable = thread in outreach_at and at - outreach_at[thread] < window
        if is_closed and not is_answerable:
            current[thread] = message["hash"]
        message["conversation"] = current[thread]
        if message["inbound"]:
            last_inbound[thread] = at
            outreach_at.pop(thread, None)
        elif is_closed:
            outreach_at[thread] = at


def utc(at):
    return at and datetime.fromtimestamp(at, UTC).replace(tzinfo=None)


def first(message, code):
    return utc(min((at for status, at in message["statuses"] if status == code), default=None))


@pytest.fixture(scope="module")
def streams(build, tmp_path_factory):
    """Yield the candidate of random accounts, ingested in two runs, and their messages in plain Python."""
    rng = random.Random(20260302)
    folder = tmp_path_factory.mktemp("streams")
    accounts = {f"a{number}": random_stream(rng) for number in range(24)}
    write_seeds(folder / "seeds", accounts)
    deliveries = [
        stream_files(rng, events, folder / "landing" / name / "webhooks") for name, events in accounts.items()
    ]
    project = project_with(folder / "seeds", folder / "home" / "project")
    settings = Settings(home=folder / "home", landing=folder / "landing", project=project)
    for early, _ in deliveries:
        for path, envelopes in early:
            write_lines(path, envelopes)
    ingest(settings)
    for _, late in deliveries:
        for path, envelopes in late:
            write_lines(path, envelopes)
    path = build(folder / "landing", folder / "home", folder / "seeds")
    key = (folder / "home" / "hash_key").read_text()

    def sha(value):
        inner = hashlib.sha256((key + value).encode()).hexdigest()
        return hashlib.sha256((key + inner).encode()).hexdigest()

    messages = {account: expected_messages(account, events, sha) for account, events in accounts.items()}
    for account_messages in messages.values():
        add_conversations(account_messages)
        for message in account_messages:
            message["contact_key"] = sha(message["contact"])
    with duckdb.connect(path, read_only=True) as candidate:
        yield candidate, messages


def test_messages_of_random_streams_match_the_definitions(streams):
    candidate, messages = streams
    expected = {}
    for account, account_messages in messages.items():
        for one in account_messages:
            category = billable = None
            if one["prices"]:
                category, billable = max(one["prices"], key=lambda price: price[0])[1].values()
            expected[f"{account}:{one['hash']}"] = (
                f"{account}:{one['conversation']}",
                one["contact_key"],
                {"messages": "inbound", "message_echoes": "business_app", "statuses": "api"}[one["kind"]],
                one["status"],
                utc(one["at"]),
                first(one, "delivered"),
                first(one, "read"),
                first(one, "failed"),
                category,
                billable,
            )
    found = candidate.execute(
        """
        select message_id, conversation_id, contact_key, source, delivery_status, sent_at, delivered_at,
            read_at, failed_at, pricing_category, is_billable
        from fct_messages
        """
    ).fetchall()
    assert len(found) > 500
    assert {key: tuple(values) for key, *values in found} == expected


def test_conversations_of_random_streams_match_the_definitions(streams):
    candidate, messages = streams
    expected = {}
    for account, account_messages in messages.items():
        data_through = max((one["at"] for one in account_messages), default=None)
        by_conversation = defaultdict(list)
        for one in account_messages:
            by_conversation[one["conversation"]].append(one)
        for key, ones in by_conversation.items():
            last_inbound = [one["at"] for one in ones if one["inbound"]]
            status = "not_contacted" if not last_inbound else "in_progress"
            if last_inbound and data_through - max(last_inbound) >= WINDOW:
                status = "closed"
            origins = {"messages": "inbound", "message_echoes": "inbox", "statuses": "other"}
            expected[f"{account}:{key}"] = (
                ones[0]["contact_key"],
                ones[0]["channel"],
                origins[ones[0]["kind"]],
                status,
                len(ones),
                len(last_inbound),
                utc(ones[0]["at"]),
                utc(ones[-1]["at"]) if status == "closed" else None,
            )
    found = candidate.execute(
        """
        select conversation_id, contact_key, channel_id, origin, status, messages, inbound_messages,
            started_at, closed_at
        from fct_conversations
        """
    ).fetchall()
    assert {key: tuple(values) for key, *values in found} == expected
    assert min(Counter(row[4] for row in found).values()) > 10, "a status is too rare"


def test_deliveries_of_random_streams_are_summed_by_day_and_pricing_category(streams):
    candidate, messages = streams
    days = defaultdict(Counter)
    for account, account_messages in messages.items():
        for one in account_messages:
            if one["inbound"]:
                continue
            pricing = max(one["prices"], key=lambda price: price[0])[1] if one["prices"] else {}
            status = one["status"]
            days[account, pricing.get("category"), utc(one["at"]).date()].update(
                messages=1,
                sent=status in ("sent", "delivered", "read", "deleted"),
                delivered=status in ("delivered", "read"),
                read=status == "read",
                failed=status == "failed",
                billable=bool(pricing.get("billable")),
            )
    counts = ("messages", "sent", "delivered", "read", "failed", "billable")
    found = candidate.execute(
        f"select account_id, pricing_category, report_date, {', '.join(counts)} from agg_delivery"
    ).fetchall()
    assert {row[:3]: row[3:] for row in found} == {
        key: tuple(counter[name] for name in counts) for key, counter in days.items()
    }


def test_the_random_streams_contain_the_edge_cases(streams):
    """Without these cases the comparison proves little."""
    _, messages = streams
    seen = Counter()
    for account_messages in messages.values():
        threads = defaultdict(list)
        for one in account_messages:
            threads[one["channel"], one["contact"]].append(one)
        for ones in threads.values():
            for before, one in pairwise(ones):
                pause, is_new = one["at"] - before["at"], one["conversation"] != before["conversation"]
                seen[pause == 0, is_new] += 1
                seen["edge", pause - WINDOW, is_new] += pause in (WINDOW - 1, WINDOW)
                seen["answered just in time"] += (
                    pause == WINDOW - 1 and one["inbound"] and not before["inbound"] and not is_new
                )
    assert min(seen[key] for key in ("answered just in time", ("edge", -1, False), ("edge", 0, True))) > 5
    assert seen["edge", 0, False] == 0


def test_a_history_is_ingested_with_its_threads_and_other_changes_are_counted(tmp_path):
    write_seeds(tmp_path / "seeds", ["shop"])
    history = [
        {
            "metadata": {"phase": 0, "chunk_order": 1, "progress": 100},
            "threads": [
                {"id": ADA, "messages": [text("H1", "2026-03-02T09:00:00", **{"from": "390612345678"})]},
                {"id": BOB, "messages": [text("H2", "2026-03-02T09:01:00", **{"from": BOB})]},
            ],
        }
    ]
    write_lines(
        tmp_path / "landing" / "shop" / "webhooks" / "1.jsonl",
        [
            envelope("history", history=history),
            envelope("smb_app_state_sync", state_sync=[{"type": "contact"}]),
        ],
    )
    project = project_with(tmp_path / "seeds", tmp_path / "project")
    settings = Settings(home=tmp_path / "home", landing=tmp_path / "landing", project=project)
    ingest(settings)
    messages = "select id, thread, change_field, phone_number_id is not null from '{}' order by id"
    changes = "select field from '{}' order by field"
    with duckdb.connect() as con:
        found, fields = (
            con.execute(query.format(settings.raw_path / entity / "whatsapp_cloud" / "2*.parquet")).fetchall()
            for query, entity in ((messages, "messages"), (changes, "changes"))
        )
    assert found == [(f"{WAMID}H1", ADA, "history", True), (f"{WAMID}H2", BOB, "history", True)]
    assert fields == [("history",), ("smb_app_state_sync",)]
