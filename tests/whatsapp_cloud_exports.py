"""Random streams of platform `whatsapp_cloud` as envelopes.

Belongs here: events as plain data, and their envelopes. Does not: expected results.
"""

import gzip
import json
from collections import defaultdict
from datetime import UTC, datetime

HOUR = 3600
WINDOW = 24 * HOUR
START = int(datetime(2026, 3, 2, tzinfo=UTC).timestamp())
PAUSES = [0, 0, 1, 600, 5 * HOUR, WINDOW - 1, WINDOW, WINDOW + 1, 2 * WINDOW - 1, 2 * WINDOW]
CODES = ["sent", "delivered", "read", "failed", "deleted"]


def envelope(field="messages", number="1060", **value):
    metadata = {"display_phone_number": "390612345678", "phone_number_id": number}
    value = {"messaging_product": "whatsapp", "metadata": metadata, **value}
    changes = [{"value": value, "field": field}]
    return {"object": "whatsapp_business_account", "entry": [{"id": "1022", "changes": changes}]}


def write_lines(path, envelopes):
    path.parent.mkdir(parents=True, exist_ok=True)
    content = "".join(json.dumps(one) + "\n" for one in envelopes).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def random_contact(rng, number):
    """Return the ids of a contact as (number, user id). A contact with both is linked by a record."""
    wa_id, user_id = f"39333{number:07}", f"IT.{number}"
    return {"number": [(wa_id, None)], "hidden": [(None, user_id)]}.get(
        rng.choice(["number", "hidden", "both"]), [(wa_id, None), (None, user_id), (wa_id, user_id)]
    )


def random_stream(rng):
    """Return the events of an account without repetition: (kind, business number, contact ids, record)."""
    events, number = [], iter(range(10**6))
    for contact_ids in (random_contact(rng, n) for n in range(4)):
        if len(contact_ids) > 1:
            events.append(("contacts", "1", contact_ids[2], {}))
        for channel in ("1", "2"):
            at = START + rng.randint(0, 3) * HOUR
            for _ in range(rng.choice([0, 1, 3, 6, 10])):
                at += rng.choice(PAUSES)
                identifier = f"wamid.{next(number)}"
                kind = rng.choice(["messages", "messages", "message_echoes", "statuses"])
                if kind != "statuses":
                    record = {"id": identifier, "timestamp": str(at), "type": "text"}
                    events.append((kind, channel, rng.choice(contact_ids), record))
                if kind == "statuses" or (kind == "message_echoes" and rng.random() < 0.5):
                    events += random_statuses(rng, identifier, at, channel, contact_ids)
    return events


def random_statuses(rng, identifier, at, channel, contact_ids):
    pricing = {"category": rng.choice(["marketing", "utility"]), "billable": rng.random() < 0.5}
    for code in rng.sample(CODES, k=rng.choice([1, 1, 2, 3])):
        record = {"id": identifier, "status": code, "timestamp": str(at + rng.choice([0, 0, 1, 60]))}
        if rng.random() < 0.5:
            record["pricing"] = pricing
        if code == "failed":
            record["errors"] = [{"code": 131026, "title": "Message undeliverable"}]
        yield "statuses", channel, rng.choice(contact_ids), record


def random_changes(rng, events):
    """Return records of an account that link contacts or name none.

    These are a notice of a changed number, two forms of a Brazilian number, and statuses without a contact.
    """
    numbers = sorted({ids[0] for _, _, ids, _ in events if ids[0]})
    times = [int(record["timestamp"]) for _, _, _, record in events if "timestamp" in record]
    old, new = rng.sample(numbers, k=2) if len(numbers) > 1 else (numbers * 2 or ["390001", "390002"])
    notice = {
        "id": "wamid.changed",
        "timestamp": str(rng.choice(times)),
        "type": "system",
        "system": {"type": "user_changed_number", "wa_id": new},
    }
    yield "messages", "1", (old, None), notice
    for form in ("5511987654321", "551187654321"):
        record = {"id": f"wamid.{form}", "timestamp": str(rng.choice(times)), "type": "text"}
        yield "messages", rng.choice(["1", "2"]), (form, None), record
    for kind, _, _, record in events:
        if kind == "statuses" and rng.random() < 0.2:
            yield "statuses", "1", (None, None), record | {"status": "read"}


NAMES = {
    "contacts": ("wa_id", "user_id"),
    "messages": ("from", "from_user_id"),
    "message_echoes": ("to", "to_user_id"),
    "statuses": ("recipient_id", "recipient_user_id"),
}


def stream_files(rng, events, folder):
    """Return two deliveries of files with the events in random order, some of them twice."""
    shuffled = events + rng.choices(events, k=len(events) // 3)
    rng.shuffle(shuffled)
    envelopes = []
    while shuffled:
        values = defaultdict(list)
        for kind, channel, ids, record in shuffled[: rng.choice([1, 1, 2, 4])]:
            named = {name: value for name, value in zip(NAMES[kind], ids, strict=True) if value}
            values[channel, kind].append(record | named)
        shuffled = shuffled[sum(map(len, values.values())) :]
        changes = [
            envelope(number=channel, **{kind: records})["entry"][0]["changes"][0]
            for (channel, kind), records in values.items()
        ]
        entries = [{"id": "1", "changes": [one]} for one in changes]
        if rng.random() < 0.5:
            entries = [{"id": "1", "changes": changes}]
        envelopes.append({"object": "whatsapp_business_account", "entry": entries})
    deliveries = [], []
    while envelopes:
        size = rng.choice([1, 5, 20])
        name = f"{rng.randrange(10**9)}.jsonl{rng.choice(['', '.gz'])}"
        rng.choice(deliveries).append((folder / name, envelopes[:size]))
        envelopes = envelopes[size:]
    return deliveries
