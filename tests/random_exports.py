"""Random exports with many edge cases: equal times, clock changes, missing values, several versions.

Belongs here: the accounts with their hours and zones, the records, and their files. Does not: expected
results.
"""

import csv
import json
from datetime import UTC, date, datetime, timedelta

CONVERSATIONS = 90  # per account

DAY = timedelta(days=1)
WEEK = range(1, 8)

# account: time zone, {weekday: shifts}, holidays
ACCOUNTS = {
    "rome": (
        "Europe/Rome",
        {day: [("09:00", "13:00"), ("14:00", "18:00")] for day in WEEK if day < 6},
        [date(2025, 3, 28), date(2025, 10, 27)],
    ),
    "night": (
        "America/New_York",
        {day: [("20:00", "04:30")] for day in WEEK if day != 3},
        [date(2025, 3, 8), date(2025, 11, 3)],
    ),
    "half": ("Asia/Kolkata", {day: [("9:30", "18:30")] for day in WEEK if day < 7}, []),
    "always": ("Europe/Rome", {day: [("00:00", "24:00")] for day in WEEK}, []),
    "unset": ("Australia/Adelaide", {}, [date(2025, 4, 6)]),
}

# account, measure, minutes, clock
TARGETS = [
    ("rome", "first_response", 30, "working"),
    ("rome", "reply", 600, "calendar"),
    ("rome", "resolution", 600, "working"),
    ("night", "first_response", 60, "calendar"),
    ("night", "reply", 10, "working"),
    ("half", "resolution", 1000, "calendar"),
    ("unset", "first_response", 10, "working"),
    ("unset", "reply", 120, "calendar"),
]

# The spellings of some tags: in composed and decomposed characters, and with an invisible character.
TAGS = [
    "billing",
    "Billing",
    "refund",
    " refund",
    "caf\u00e9",
    "cafe\u0301",
    "VIP",
    "vip\u200d",
    "Stra\u00dfe",
    "STRASSE",
    "",
]

STATUSES = ["CREATED", "FLOW", "FLOW_PAUSED", "NEW", "IN_PROGRESS", "RESOLVED", "CLOSED"]
DELIVERIES = [
    "NEW",
    "ACCEPTED",
    "SENT",
    "DELIVERED",
    "READ",
    "UNDELIVERED",
    "FAILED",
    "DELETED",
    "BEAMED",
    None,
]
SOURCES = ["FLOW", "INBOX", "INBOUND", "API", "BROADCAST", "AUTO_RESPONSE", "UNKNOWN"]

# The nights on which the clocks of these zones change.
MOMENTS = [
    datetime(2025, 3, 9, 7, tzinfo=UTC),
    datetime(2025, 3, 30, 1, tzinfo=UTC),
    datetime(2025, 4, 5, 16, 30, tzinfo=UTC),
    datetime(2025, 10, 26, 1, tzinfo=UTC),
    datetime(2025, 11, 2, 6, tzinfo=UTC),
]


def moment(rng):
    """Return a time near a clock change, often on the full or half hour, so that times coincide."""
    grain = rng.choice([1, 1800])
    return rng.choice(MOMENTS) + timedelta(seconds=rng.randint(-200_000, 200_000) // grain * grain)


def later(rng, instant):
    return instant + timedelta(
        seconds=rng.choice([0, 0, 1, 59.5, 600, 3600, 30_000, 86_399, 86_400, 200_000])
    )


def person(rng, role=None):
    """Return one of seven agents. The last two are never exported, and the seventh has no name."""
    number = rng.randint(1, 7)
    name = {} if number == 7 else {"first_name": f"Agent {number}", "last_name": "Rossi"}
    return {"id": str(number), **name, **({"role": role} if role else {})}


def random_conversation(rng, number):
    started = moment(rng)
    record = {
        "id": str(number),
        "created_on": started,
        "contact": rng.choice([None] + [str(n) for n in range(1, 31)]),
        "status": rng.choice([*STATUSES, "CLOSED", "CLOSED", "ARCHIVED", None]),
        "source": rng.choice([*SOURCES, "TELEGRAM", None]),
        "assigned": rng.choice([None, [], [person(rng)], [person(rng), person(rng)]]),
        "assigned_team": rng.choice([None, "T1"]),
        "tags": [
            {"id": str(n), "name": rng.choice(TAGS[2 * n : 2 * n + 3])}
            for n in rng.choices(range(5), k=rng.choice([0, 1, 1, 2, 3]))
        ],
        "channel": rng.choice([None, "C1", "C2"]),
        "closed_on": rng.choice([None, later(rng, started), started - timedelta(hours=2)]),
        "last_updated_on": rng.choice([None, started, started + DAY]),
    }
    return {name: value for name, value in record.items() if value is not None or rng.random() < 0.5}


def random_messages(rng, conversation, number):
    instant = later(rng, conversation["created_on"] - rng.choice([DAY / 24, timedelta()]))
    messages = []
    for _ in range(rng.choice([0, 1, 2, 3, 5, 8, 12])):
        inbound = rng.random() < 0.5
        sender = rng.choice([None, person(rng), person(rng), person(rng, rng.choice(["AGENT", "bot"]))])
        message = {
            "id": str(number()),
            "timestamp": instant,
            "conversation": rng.choice([conversation["id"]] * 8 + [None, None, "unknown"]),
            "contact": rng.choice([conversation.get("contact"), None]),
            "direction": "INBOUND" if inbound else "OUTBOUND",
            "source": "INBOUND"
            if inbound
            else rng.choice(
                ["INBOX", "INBOX", None, "FLOW", "AUTO_RESPONSE", "API", "BROADCAST", "NEW_CODE"]
            ),
            "sent_by": None if inbound else sender,
            "whatsapp_template": None if inbound else rng.choice([None, None, "welcome"]),
            "status": rng.choice(DELIVERIES),
            "sent_on": rng.choice([None, instant]),
            "delivered_on": rng.choice([None, instant + timedelta(seconds=2)]),
            "failed_on": rng.choice([None, None, instant + timedelta(seconds=2)]),
            "last_updated_on": rng.choice([None, None, instant + timedelta(seconds=rng.randint(0, 3))]),
        }
        messages.append(message)
        instant = later(rng, instant)
    return messages


def random_surveys(rng, conversation, number):
    for _ in range(rng.choice([0, 0, 1, 2, 3])):
        sent = later(rng, conversation["created_on"])
        yield {
            "id": str(number()),
            "conversation": rng.choice([conversation["id"]] * 9 + ["unknown"]),
            "agent": rng.choice([None, None, person(rng)["id"]]),
            "sent_on": rng.choice([None, sent, sent]),
            "responded_on": rng.choice([None, later(rng, sent)]),
            "rating": rng.choice([None, 1, 2, 3, 4, 5]),
            "last_updated_on": rng.choice([None, later(rng, sent)]),
        }


def random_events(rng, conversation, number):
    instant = conversation["created_on"]
    for _ in range(rng.choice([0, 0, 1, 3, 6, 9])):
        instant = later(rng, instant) if rng.random() < 0.7 else later(rng, conversation["created_on"])
        yield {
            "id": str(number()),
            "conversation": conversation["id"],
            "type": rng.choice(
                [
                    "assigned",
                    "unassigned",
                    "handed_off",
                    "handed_off",
                    "closed",
                    "closed",
                    "reopened",
                    "reopened",
                ]
            ),
            "occurred_on": instant,
            "agent": rng.choice([None, person(rng)["id"]]),
        }


def changed_links(rng, record):
    """Return, for some records, another contact of a conversation or another conversation of a message."""
    if rng.random() < 0.9:
        return {}
    if "direction" in record:
        return {"conversation": rng.choice([None, "1", "2", "unknown"])}
    return {"contact": rng.choice([None, "1", "2", "3"])} if "created_on" in record else {}


def changed_version(rng, record):
    """Return another version of a record, with another update time and other values."""
    other = record | changed_links(rng, record)
    if other.get("last_updated_on") and rng.random() < 0.7:
        other["last_updated_on"] += rng.choice([-DAY, DAY])
    if "status" in other:
        other["status"] = rng.choice(DELIVERIES if "direction" in other else STATUSES)
    if "rating" in other:
        other["rating"] = rng.choice([1, 5, None])
    if "tags" in other:
        other["tags"] = [{"name": tag} for tag in rng.choices([*TAGS, "lead"], k=rng.randint(0, 2))]
    if "first_name" in other and "id" in other:
        other["last_name"] = rng.choice(["Rossi", "Bianchi"])
    if "direction" in other:
        other["read_on"] = other["timestamp"] + rng.choice([timedelta(seconds=9), DAY])
        other["whatsapp_template"] = rng.choice([None, "welcome"])
    return other


def random_account(rng, has_events=True):
    """Return {entity: {file: records}}. The ids of all entities start at 1, so that they coincide."""
    message, survey, event = (iter(range(1, 10**6)).__next__ for _ in range(3))
    conversations = [random_conversation(rng, n + 1) for n in range(CONVERSATIONS)]
    records = {
        "conversations": conversations,
        "messages": [m for c in conversations for m in random_messages(rng, c, message)],
        "surveys": [s for c in conversations for s in random_surveys(rng, c, survey)],
        "conversation_events": [e for c in conversations for e in random_events(rng, c, event) if has_events],
        "contacts": [
            {"id": str(n), "tags": [{"name": tag} for tag in rng.choices(["vip", "new", "lead"], k=n % 3)]}
            for n in range(1, 20)
        ],
        "agents": [{"id": str(n), "first_name": f"Agent {n}", "last_name": "Rossi"} for n in range(1, 6)],
    }
    files = {}
    for entity, ones in records.items():
        if not ones:
            continue
        files[entity] = {name: [] for name in ("a.jsonl", "b.jsonl", "c.jsonl")}
        for record in ones:
            versions = [record] + [changed_version(rng, record) for _ in range(rng.choice([0, 0, 1, 2]))]
            for version in versions:
                files[entity][rng.choice(list(files[entity]))].append(version)
        # Content with two names has the rank of the last name.
        files[entity]["d.jsonl"] = files[entity]["a.jsonl"]
    return files


def write_landing(exports, landing):
    for account, entities in exports.items():
        for entity, files in entities.items():
            folder = landing / account / entity
            folder.mkdir(parents=True)
            for name, records in files.items():
                lines = (json.dumps(record, default=datetime.isoformat) + "\n" for record in records)
                (folder / name).write_text("".join(lines))


def write_seeds(seeds):
    """Write the seeds with the accounts of the tests."""
    accounts = [("account_id", "platform", "time_zone")]
    hours = [("account_id", "iso_weekday", "opens_at", "closes_at")]
    holidays = [("account_id", "holiday_on", "name")]
    for account, (zone, week, days) in ACCOUNTS.items():
        accounts.append((account, "activecampaign", zone))
        hours += [(account, day, *shift) for day, shifts in week.items() for shift in shifts]
        holidays += [(account, day, "Holiday") for day in days]
    seeds.mkdir()
    targets = [("account_id", "measure", "target_minutes", "clock"), *TARGETS]
    named = {"accounts": accounts, "working_hours": hours, "holidays": holidays, "sla_targets": targets}
    for name, rows in named.items():
        with (seeds / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
