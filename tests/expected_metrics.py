"""A second implementation of the metric definitions: slow and simple, in plain Python.

Belongs here: the expected rows of the marts, computed only from the exported records. Does not: SQL, nor code
of the pipeline.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

from tests.random_exports import ACCOUNTS, DAY, TARGETS

ORIGINS = {"FLOW": "flow", "INBOX": "inbox", "INBOUND": "inbound", "API": "other", "BROADCAST": "other"}
STATUSES = {
    "CREATED": "not_contacted",
    "FLOW": "in_flow",
    "FLOW_PAUSED": "in_flow",
    "NEW": "new",
    "IN_PROGRESS": "in_progress",
    "RESOLVED": "closed",
    "CLOSED": "closed",
}
OWN_INSTANTS = ("timestamp", "queued_on", "accepted_on", "sent_on", "delivered_on", "read_on", "failed_on")
LONG_AGO = datetime.min.replace(tzinfo=UTC)


def latest(entity, files):
    """Return the latest version of each record by id: by update time, then path, then line."""
    versions = {}
    for name, records in sorted(files.items()):
        for line, record in enumerate(records):
            updated = record.get("last_updated_on")
            if entity == "messages" and not updated:
                updated = max(filter(None, (record.get(field) for field in OWN_INSTANTS)))
            versions.setdefault(record["id"], []).append(((updated or LONG_AGO, name, line), record))
    return {
        key: max(candidates, key=lambda candidate: candidate[0])[1] for key, candidates in versions.items()
    }


def in_order(records, instant):
    """Sort by instant, then by id, 9 before 10."""
    return sorted(records, key=lambda record: (record[instant], len(record["id"]), record["id"]))


def shifts_of(account, first_day, last_day):
    """Yield the opening and closing times of the account, without holidays."""
    zone, week, holidays = ACCOUNTS[account]
    day = first_day
    while day <= last_day:
        for opens, closes in week.get(day.isoweekday(), []):
            opens = time.fromisoformat(opens.zfill(5))
            closes = time.fromisoformat("00:00" if closes == "24:00" else closes)
            parts = [(day, opens, day, closes)]
            if closes <= opens:
                parts = [(day, opens, day + DAY, time(0)), (day + DAY, time(0), day + DAY, closes)]
            for on, start, until, end in parts:
                if on not in holidays:
                    yield tuple(
                        datetime.combine(*pair, tzinfo=ZoneInfo(zone)).astimezone(UTC)
                        for pair in ((on, start), (until, end))
                    )
        day += DAY


def working_seconds(account, start, end):
    if not ACCOUNTS[account][1] or start is None or end is None:
        return None
    shifts = shifts_of(account, start.date() - 2 * DAY, end.date() + 2 * DAY)
    return sum(max(0.0, (min(end, closes) - max(start, opens)).total_seconds()) for opens, closes in shifts)


def is_working(account, instant):
    if not ACCOUNTS[account][1]:
        return None
    shifts = shifts_of(account, instant.date() - 2 * DAY, instant.date() + 2 * DAY)
    return any(opens <= instant < closes for opens, closes in shifts)


def local(account, instant):
    return instant.astimezone(ZoneInfo(ACCOUNTS[account][0]))


def key_of(account, identifier):
    return identifier and f"{account}:{identifier}"


def owner(conversation_key, contact_key, message_key, keyed_hash):
    """Return the owner of a row: half of the key of its contact, else its conversation, else its message."""
    unnamed = f"conversation {conversation_key}" if conversation_key else f"message {message_key}"
    return UUID((contact_key or keyed_hash(unnamed))[:32])


def name_of(one):
    return " ".join(filter(None, (one.get("first_name"), one.get("last_name")))) or None


def clean(text):
    """Return a text in NFC, without invisible characters and without leading and trailing spaces."""
    kept = (
        c for c in text if unicodedata.category(c) not in ("Cf", "Cc") and not re.match("[\ufe00-\ufe0f]", c)
    )
    return unicodedata.normalize("NFC", "".join(kept)).strip()


def folded(text):
    return clean(text).lower().replace("ß", "ss")


def shown_tags(files):
    """Return the shown name of each tag by its id, else by its name, from all versions of the records."""
    seen = defaultdict(dict)
    for records in files.values():
        for record in records:
            at = record.get("last_updated_on") or record.get("created_on") or LONG_AGO
            for tag in record.get("tags") or []:
                if folded(tag["name"]):
                    times = seen[tag.get("id") or ("name", tag["name"])]
                    times[tag["name"]] = max(at, times.get(tag["name"], LONG_AGO))
    latest_names = {}
    for key, times in seen.items():
        last = max(times.values())
        latest_names[key] = (last, min(name for name, at in times.items() if at == last))
    spellings = defaultdict(list)
    for at, name in latest_names.values():
        spellings[folded(name)].append((at, clean(name)))
    shown = {}
    for key, (_, name) in latest_names.items():
        last = max(at for at, _ in spellings[folded(name)])
        shown[key] = min(spelling for at, spelling in spellings[folded(name)] if at == last)
    return shown


def tag_names(tags, shown):
    keys = (tag.get("id") or ("name", tag["name"]) for tag in tags or [])
    return sorted({shown[key] for key in keys if key in shown})


def status_changes(conversation, events):
    """Return the reported closes and reopenings of a conversation as pairs of instant and change."""
    started = conversation["created_on"]
    changes = {
        (max(event["occurred_on"], started), event["type"])
        for event in events
        if event["type"] in ("closed", "reopened")
    }
    is_reported = bool(changes) and is_close_last(changes)
    if (
        STATUSES.get(conversation.get("status")) == "closed"
        and conversation.get("closed_on")
        and not is_reported
    ):
        changes.add((max(conversation["closed_on"], started), "closed"))
    return sorted(changes)


def is_close_last(changes):
    closed = [at for at, change in changes if change == "closed"]
    reopened = [at for at, change in changes if change == "reopened"]
    return bool(closed) and (not reopened or max(closed) > max(reopened))


def conversation_of(message, conversations, changes):
    """Return the conversation that the message names, else the latest one that its contact had started.

    Returns None if that conversation was closed more than 24 hours before.
    """
    if message["conversation"]:
        return message["conversation"]
    begun = [
        conversation
        for conversation in conversations.values()
        if message["contact"]
        and conversation.get("contact") == message["contact"]
        and conversation["created_on"] <= message["timestamp"]
    ]
    if not begun:
        return None
    latest_one = in_order(begun, "created_on")[-1]["id"]
    before = [change for change in changes[latest_one] if change[0] <= message["timestamp"]]
    if before and before[-1][1] == "closed" and message["timestamp"] - before[-1][0] > DAY:
        return None
    return latest_one


def is_from_person(message):
    sender = message["sent_by"]
    return bool(
        message["direction"] == "OUTBOUND"
        and sender
        and sender.get("role", "").upper() not in ("BOT", "SYSTEM")
        and message["source"] in ("INBOX", None)
    )


def delivery_status(message):
    """Return the furthest delivery status of a message, from its code and its times."""
    if message["direction"] == "INBOUND":
        return "received"
    steps = {
        "read": (("READ",), "read_on"),
        "delivered": (("DELIVERED",), "delivered_on"),
        "deleted": (("DELETED",), None),
        "failed": (("FAILED", "UNDELIVERED"), "failed_on"),
        "sent": (("SENT",), "sent_on"),
        "queued": (("NEW", "ACCEPTED"), None),
    }
    for step, (codes, instant) in steps.items():
        if message.get(instant) or message["status"] in codes:
            return step
    return None


def turns_of(messages, changes, inferred, is_closed):
    """Return the customer turns with their outcomes."""
    items = [(m["timestamp"], 0, len(m["id"]), m["id"], m) for m in messages]
    items += [(at, 1 if change == "closed" else 2, 0, "", change) for at, change in changes]
    items += [(inferred, 1, 0, "", "closed")] if inferred else []
    items = [item[4] for item in sorted(items, key=lambda item: item[:4])]
    instants = sorted(
        [(m["timestamp"], 0) for m in messages]
        + [(at, 1 if change == "closed" else 2) for at, change in changes]
        + ([(inferred, 1)] if inferred else [])
    )
    turns, turn = [], None
    for position, item in enumerate(items):
        at = instants[position][0]
        if item == "reopened":
            continue
        if item == "closed":
            if turn and not is_resumed(items[position + 1 :]):
                turn |= {"outcome": "closed", "ended_at": at}
                turn = None
        elif item["direction"] == "INBOUND":
            if not turn:
                turn = {"asked_at": at, "inbound": 0, "outcome": "waiting", "ended_at": None, "agent": None}
                turns.append(turn)
            turn["inbound"] += 1
        elif item["is_human"] and turn:
            turn |= {"outcome": "answered", "ended_at": at, "agent": item["sent_by"]["id"]}
            turn = None
    if turn and is_closed:
        turn["outcome"] = "closed"
    return turns


def is_resumed(items):
    """Return whether a reopening and an agent message precede the next message of the customer."""
    is_reopened = False
    for item in items:
        if item == "reopened":
            is_reopened = True
        elif isinstance(item, dict):
            if item["direction"] == "INBOUND":
                return False
            if item["is_human"] and is_reopened:
                return True
    return False


def within_target(account, measure, start, end):
    """Return whether the time from start to end is within the target, None if it is unknown."""
    for of, name, minutes, clock in TARGETS:
        if (of, name) == (account, measure) and start and end:
            seconds = (end - start).total_seconds()
            seconds = working_seconds(account, start, end) if clock == "working" else seconds
            return None if seconds is None else seconds <= minutes * 60
    return None


def turn_rows(account, conversation_key, owner_key, turns, data_through):
    rows = []
    for number, turn in enumerate(turns, start=1):
        asked, ended = turn["asked_at"], turn["ended_at"]
        is_answered = turn["outcome"] == "answered"
        within = within_target(account, "reply", asked, ended if is_answered else data_through)
        if not is_answered:
            within = False if turn["outcome"] == "waiting" and within is False else None
        rows.append(
            {
                "turn_id": f"{conversation_key}:{number}",
                "conversation_id": conversation_key,
                "account_id": account,
                "owner_key": owner_key,
                "outcome": turn["outcome"],
                "answered_by_agent_id": key_of(account, turn["agent"]),
                "turn_number": number,
                "inbound_messages": turn["inbound"],
                "asked_hour": local(account, asked).hour,
                "wait_seconds": (ended - asked).total_seconds() if is_answered else None,
                "wait_working_seconds": working_seconds(account, asked, ended) if is_answered else None,
                "is_within_target": within,
                "asked_on": local(account, asked).date(),
                "asked_at": asked,
                "ended_at": ended,
            }
        )
    return rows


def first_response(account, turns, events, data_through):
    """Return the first answered turn, the start of its clock, and whether it is within the target."""
    hand_offs = [event["occurred_on"] for event in events if event["type"] == "handed_off"]
    answered = [turn for turn in turns if turn["outcome"] == "answered"]
    waiting = [turn for turn in turns if turn["outcome"] == "waiting"]
    if answered:
        turn = answered[0]
        inside = [at for at in hand_offs if turn["asked_at"] <= at <= turn["ended_at"]]
        clock = max(inside, default=turn["asked_at"])
        return turn, clock, within_target(account, "first_response", clock, turn["ended_at"])
    if waiting:
        inside = [at for at in hand_offs if waiting[0]["asked_at"] <= at]
        clock = max(inside, default=waiting[0]["asked_at"])
        is_missed = within_target(account, "first_response", clock, data_through) is False
        return None, None, False if is_missed else None
    return None, None, None


def handled_by(messages):
    senders = []
    for message in messages:
        if message["direction"] == "INBOUND":
            senders.append("contact")
        else:
            senders.append(
                "agent" if message["is_human"] else "automation" if message["is_automated"] else "other"
            )
    if "contact" not in senders:
        return None
    after = senders[senders.index("contact") :]
    return next((kind for kind in ("agent", "automation") if kind in after), "nobody")


def expired_windows(messages, closes, data_through):
    expired = 0
    for position, message in enumerate(messages):
        asked = message["timestamp"]
        is_last = position == len(messages) - 1
        followed = data_through if is_last else messages[position + 1]["timestamp"]
        is_closed = any(asked <= at < asked + DAY for at in closes)
        expired += message["direction"] == "INBOUND" and followed - asked >= DAY and not is_closed
    return expired


def open_periods(messages, changes, inferred, closed):
    """Return the open periods of a conversation as pairs of start and end, None while it is open."""
    inbound = [message["timestamp"] for message in messages if message["direction"] == "INBOUND"]
    ranks = {"inbound": 0, "closed": 1, "reopened": 2}
    items = [(at, "inbound") for at in inbound] + changes + ([(inferred, "closed")] if inferred else [])
    periods, begun, was_closed = [], None, False
    for at, item in sorted(items, key=lambda item: (item[0], ranks[item[1]])):
        if item == "closed":
            was_closed = True
            if begun:
                periods.append((begun, at))
                begun = None
        elif not begun and (item == "inbound" or was_closed):
            begun = at
    if begun and not closed:
        periods.append((begun, None))
    return periods


def counted_survey(surveys):
    """Return the survey that counts, or None."""
    return max(
        surveys,
        key=lambda survey: (
            survey["rating"] is not None,
            survey["responded_on"] or LONG_AGO,
            survey["sent_on"] or LONG_AGO,
            len(survey["id"]),
            survey["id"],
        ),
        default=None,
    )


def agent_of(conversation, events, closed, is_closed, human):
    """Return the platform's id of the agent of a conversation, or None."""
    if conversation.get("assigned"):
        return conversation["assigned"][-1]["id"]
    assignments = [
        event
        for event in in_order(events, "occurred_on")
        if event["type"] in ("assigned", "unassigned") and not (closed and event["occurred_on"] >= closed)
    ]
    if assignments and assignments[-1]["type"] == "assigned" and assignments[-1]["agent"]:
        return assignments[-1]["agent"]
    return human[-1]["sent_by"]["id"] if is_closed and human else None


def conversation_row(account, conversation, records, shown, contact_tags, data_through, keyed_hash):
    """Return the row of fct_conversations, the turns and the open periods of a conversation.

    `records` has the messages, events, surveys and status changes, and whether the account has events.
    """
    messages, events = records["messages"], records["events"]
    started = conversation["created_on"]
    status = STATUSES.get(conversation.get("status"))
    is_closed = status == "closed"
    changes = records["changes"]
    closes = [at for at, change in changes if change == "closed"]
    last_message = messages[-1]["timestamp"] if messages else None
    inferred = None
    if is_closed and not conversation.get("closed_on") and not is_close_last(changes) and messages:
        inferred = max(last_message, started)
    all_closes = closes + ([inferred] if inferred else [])
    closed = max(all_closes, default=None) if is_closed else None
    of_type = defaultdict(list)
    for event in events:
        of_type[event["type"]].append(event)
    human = [message for message in messages if message["is_human"]]
    inbound = [message["timestamp"] for message in messages if message["direction"] == "INBOUND"]
    turns = turns_of(messages, changes, inferred, is_closed)
    answered = [turn for turn in turns if turn["outcome"] == "answered"]
    waits = [(turn["asked_at"], turn["ended_at"]) for turn in answered]
    wait_seconds = [(end - start).total_seconds() for start, end in waits]
    wait_working = [working_seconds(account, start, end) for start, end in waits]
    answer, clock, is_first_within = first_response(account, turns, events, data_through)
    answered_at = answer and answer["ended_at"]
    survey = counted_survey(records["surveys"])
    survey_sent = survey and (survey["sent_on"] or survey["responded_on"] or started)
    survey_answered = (
        (survey["responded_on"] or survey["sent_on"] or started) if survey and survey["rating"] else None
    )
    agent = agent_of(conversation, events, closed, is_closed, human)
    conversation_key = key_of(account, conversation["id"])
    contact_key = keyed_hash(key_of(account, conversation.get("contact")))
    owner_key = owner(conversation_key, contact_key, None, keyed_hash)
    begun_by_contact = bool(messages) and messages[0]["direction"] == "INBOUND"
    handled = handled_by(messages)
    has_events = records["has_events"]
    occurred = {kind: [event["occurred_on"] for event in ones] for kind, ones in of_type.items()}
    assigned = of_type["assigned"]
    row = {
        "conversation_id": conversation_key,
        "account_id": account,
        "source_conversation_id": conversation["id"],
        "contact_key": contact_key,
        "owner_key": owner_key,
        "channel_id": conversation.get("channel"),
        "team_id": conversation.get("assigned_team"),
        "origin": ORIGINS.get(conversation.get("source")) or ("inbound" if begun_by_contact else "other"),
        "status": status,
        "handled_by": handled,
        "agent_id": key_of(account, agent),
        "first_response_agent_id": answer and key_of(account, answer["agent"]),
        "csat_agent_id": key_of(account, (survey["agent"] or agent) if survey else None),
        "conversation_tags": tag_names(conversation.get("tags"), shown),
        "contact_tags": contact_tags.get(conversation.get("contact"), []),
        "messages": len(messages),
        "inbound_messages": len(inbound),
        "outbound_messages": len(messages) - len(inbound),
        "agent_messages": len(human),
        "automated_messages": sum(message["is_automated"] for message in messages),
        "agents_replied": len({message["sent_by"]["id"] for message in human}),
        "reopens": len(of_type["reopened"]) if has_events else None,
        "assignments": len(assigned) if has_events else None,
        "agents_assigned": len({event["agent"] for event in assigned} - {None}) if has_events else None,
        "windows_expired": expired_windows(messages, closes, data_through),
        "turns_answered": len(waits),
        "turns_closed": sum(turn["outcome"] == "closed" for turn in turns),
        "turns_waiting": sum(turn["outcome"] == "waiting" for turn in turns),
        "duration_seconds": (closed - started).total_seconds() if closed else None,
        "duration_working_seconds": working_seconds(account, started, closed),
        "first_response_seconds": (answered_at - clock).total_seconds() if answer else None,
        "first_response_working_seconds": working_seconds(account, clock, answered_at),
        "total_wait_seconds": sum(wait_seconds) if waits else None,
        "max_wait_seconds": max(wait_seconds, default=None),
        "total_wait_working_seconds": None if not waits or None in wait_working else sum(wait_working),
        "csat_rating": survey and survey["rating"],
        "started_hour": local(account, started).hour,
        "is_closed": is_closed,
        "is_in_working_hours": is_working(account, started),
        "is_one_touch": is_closed and len(human) == 1 and not of_type["reopened"],
        "is_automation_only": is_closed and handled == "automation",
        "is_first_response_within_target": is_first_within,
        "is_duration_within_target": within_target(account, "resolution", started, closed),
        "started_on": local(account, started).date(),
        "closed_on": closed and local(account, closed).date(),
        "survey_sent_on": survey_sent and local(account, survey_sent).date(),
        "survey_responded_on": survey_answered and local(account, survey_answered).date(),
        "started_at": started,
        "first_inbound_at": min(inbound, default=None),
        "last_inbound_at": max(inbound, default=None),
        "handed_off_at": min(occurred.get("handed_off", []), default=None),
        "first_assigned_at": min(occurred.get("assigned", []), default=None),
        "first_response_at": answered_at,
        "waiting_since": next((turn["asked_at"] for turn in turns if turn["outcome"] == "waiting"), None),
        "first_closed_at": min(all_closes, default=None) if is_closed else None,
        "closed_at": closed,
        "last_message_at": last_message,
        "survey_sent_at": survey_sent,
        "survey_responded_at": survey_answered,
    }
    periods = [(row["agent_id"], *period) for period in open_periods(messages, changes, inferred, is_closed)]
    return row, turn_rows(account, conversation_key, owner_key, turns, data_through), periods


def add_contact_history(rows):
    """Add the columns about the contact's earlier conversations, in place."""
    of_contact = defaultdict(list)
    for row in rows:
        row |= {"contact_conversation_number": None, "days_since_previous": None, "is_repeat": None}
        if row["contact_key"]:
            of_contact[row["contact_key"]].append(row)
    for ones in of_contact.values():
        ones.sort(
            key=lambda row: (
                row["started_at"],
                len(row["source_conversation_id"]),
                row["source_conversation_id"],
            )
        )
        for number, row in enumerate(ones, start=1):
            row["contact_conversation_number"] = number
        for previous, row in pairwise(ones):
            row["days_since_previous"] = (row["started_on"] - previous["started_on"]).days
            closed = previous["closed_at"]
            if not previous["is_closed"]:
                row["is_repeat"] = False
            elif closed:
                row["is_repeat"] = timedelta() <= row["started_at"] - closed <= timedelta(hours=168)


def contact_and_owner(account, message, conversation_rows, keyed_hash):
    """Return the contact and the owner of a message. A known conversation determines them."""
    conversation_key = key_of(account, message["belongs_to"])
    named = keyed_hash(key_of(account, message["contact"]))
    known = conversation_rows.get(conversation_key)
    if known:
        return known["contact_key"] or named, known["owner_key"]
    return named, owner(conversation_key, named, key_of(account, message["id"]), keyed_hash)


def agent_names(account, exports, agents):
    """Return the names of agents: as exported, else the latest name in any version of a record."""
    seen = defaultdict(list)
    for records in exports["conversations"].values():
        for version in records:
            for one in (version.get("assigned") or [])[-1:]:
                seen[one["id"]].append((version.get("last_updated_on"), name_of(one)))
    for records in exports["messages"].values():
        for version in records:
            if version["sent_by"]:
                seen[version["sent_by"]["id"]].append((version["timestamp"], name_of(version["sent_by"])))
    names = {}
    for agent in seen.keys() | agents.keys():
        named = [(instant or LONG_AGO, name) for instant, name in seen[agent] if name]
        last = max((instant for instant, _ in named), default=None)
        last_seen = min((name for instant, name in named if instant == last), default=None)
        names[key_of(account, agent)] = name_of(agents.get(agent, {})) or last_seen or agent
    return names


def compute_account(account, exports, keyed_hash):
    """Return the rows of an account: conversations, messages, turns, backlog, and agent names."""
    records = {entity: latest(entity, files) for entity, files in exports.items()}
    conversations, grouped = records["conversations"], defaultdict(lambda: defaultdict(list))
    for entity in ("surveys", "conversation_events"):
        for record in records.get(entity, {}).values():
            grouped[entity][record["conversation"]].append(record)
    events = grouped["conversation_events"]
    changes = {key: status_changes(one, events[key]) for key, one in conversations.items()}
    for message in records["messages"].values():
        message["belongs_to"] = conversation_of(message, conversations, changes)
        grouped["messages"][message["belongs_to"] or f"message {message['id']}"].append(message)
        message["is_automated"] = message["direction"] == "OUTBOUND" and message["source"] in (
            "FLOW",
            "AUTO_RESPONSE",
            "API",
            "BROADCAST",
        )
    for key, messages in grouped["messages"].items():
        grouped["messages"][key] = messages = in_order(messages, "timestamp")
        for position, message in enumerate(messages):
            is_opening_template = position == 0 and bool(message["whatsapp_template"])
            message["is_human"] = is_from_person(message) and not is_opening_template
    data_through = max(message["timestamp"] for message in records["messages"].values())
    shown, shown_of_contacts = shown_tags(exports["conversations"]), shown_tags(exports["contacts"])
    contact_tags = {
        key: tag_names(contact["tags"], shown_of_contacts) for key, contact in records["contacts"].items()
    }

    conversation_rows, turns, periods = [], [], []
    for key, conversation in conversations.items():
        row, its_turns, its_periods = conversation_row(
            account,
            conversation,
            {
                "messages": grouped["messages"][key],
                "events": events[key],
                "surveys": grouped["surveys"][key],
                "changes": changes[key],
                "has_events": "conversation_events" in records,
            },
            shown,
            contact_tags,
            data_through,
            keyed_hash,
        )
        conversation_rows.append(row)
        turns += its_turns
        periods += its_periods
    add_contact_history(conversation_rows)
    rows_by_id = {row["conversation_id"]: row for row in conversation_rows}
    for message in records["messages"].values():
        message["contact_key"], message["owner_key"] = contact_and_owner(
            account, message, rows_by_id, keyed_hash
        )
    message_rows = [
        {
            "message_id": key_of(account, message["id"]),
            "account_id": account,
            "conversation_id": key_of(account, message["belongs_to"]),
            "contact_key": message["contact_key"],
            "owner_key": message["owner_key"],
            "agent_id": key_of(account, message["sent_by"]["id"]) if is_from_person(message) else None,
            "direction": message["direction"].lower(),
            "delivery_status": delivery_status(message),
            "template_name": message["whatsapp_template"],
            "is_agent_message": message["is_human"],
            "is_automated": message["is_automated"],
            "has_conversation": message["belongs_to"] in conversations,
            "sent_on": local(account, message["timestamp"]).date(),
            "sent_hour": local(account, message["timestamp"]).hour,
        }
        for message in records["messages"].values()
    ]
    names = agent_names(account, exports, records["agents"])
    return {
        "conversations": conversation_rows,
        "messages": message_rows,
        "turns": turns,
        "backlog": backlog(account, periods, names, data_through),
        "names": names,
    }


def backlog(account, periods, names, data_through):
    """Return the rows of agg_backlog by (account, agent, day)."""
    rows = defaultdict(lambda: {"open": 0, "open_over_1_day": 0, "open_over_7_days": 0})
    last_day = local(account, data_through).date()
    for agent, begun, left in periods:
        day = local(account, begun).date()
        while day <= last_day:
            midnight = datetime.combine(day + DAY, time(0), tzinfo=ZoneInfo(ACCOUNTS[account][0])).astimezone(
                UTC
            )
            if left and left < midnight:
                break
            row = rows[account, agent, day]
            row["agent_name"] = name_shown(names, agent)
            row["open"] += 1
            row["open_over_1_day"] += midnight - begun > DAY
            row["open_over_7_days"] += midnight - begun > 7 * DAY
            day += DAY
    return dict(rows)


def name_shown(names, agent_id):
    return names.get(agent_id, agent_id and agent_id.split(":")[1]) or "Unassigned"


def percentile(values, share):
    """Return a percentile, linearly interpolated between the two nearest values."""
    if not values:
        return None
    values, place = sorted(values), share * (len(values) - 1)
    low = int(place)
    return values[low] + (place - low) * (values[min(low + 1, len(values) - 1)] - values[low])


def statistics(name, values):
    return {
        f"{name}_n": len(values),
        f"{name}_sum": sum(values) if values else None,
        f"{name}_avg": sum(values) / len(values) if values else None,
        f"{name}_median": percentile(values, 0.5),
        f"{name}_p90": percentile(values, 0.9),
    }


COUNTS = (
    *("conversations", "inbound_messages", "outbound_messages", "agent_messages", "automated_messages"),
    *("messages", "closed", "closed_on_day", "one_touch", "automation_only", "windows_expired", "repeats"),
    *("turns_answered", "turns_closed", "surveys_sent", "surveys_answered"),
)
TIMES = ("duration", "first_response", "first_response_working", "reply", "total_wait")


class Tally:
    """The activity of one key on one day."""

    def __init__(self):
        self.counts, self.contacts, self.values = Counter(), set(), defaultdict(list)

    def add(self, name, value):
        if value is not None:
            self.values[name].append(value)

    def row(self):
        csat = statistics("csat", self.values["csat"])
        row = {name: self.counts[name] for name in COUNTS}
        row |= {"distinct_contacts": len(self.contacts)}
        is_unknown = self.counts["conversations"] and not self.values["reopens"]
        row |= {"reopens": None if is_unknown else sum(self.values["reopens"])}
        row |= {name: csat[name] for name in ("csat_n", "csat_sum", "csat_avg")}
        for name in TIMES:
            row |= statistics(name, self.values[name])
        for name in ("first_response", "reply", "duration"):
            values = self.values[f"{name}_on_target"]
            row |= {f"{name}_on_target_n": len(values), f"{name}_on_target_met": sum(values)}
        return row


def tallies(rows, keys_of_conversation, keys_of_message, responder=None, rated=None, answering=None):
    """Return all activity by (account, key, day).

    - `rows`: the conversations, messages and turns
    - `keys_of_conversation`, `keys_of_message`: functions that return the keys of a conversation or message
    - `responder`, `rated`, `answering`: functions that return the keys of the first response and the survey
      of a conversation, and of a turn; by default the keys of the conversation
    """
    responder, rated = responder or keys_of_conversation, rated or keys_of_conversation
    by_id = {one["conversation_id"]: one for one in rows["conversations"]}
    days = defaultdict(Tally)
    for one in rows["conversations"]:
        account, day = one["account_id"], one["started_on"]
        for key in keys_of_conversation(one):
            tally = days[account, key, day]
            tally.counts.update(
                conversations=1,
                closed=int(one["is_closed"]),
                one_touch=int(one["is_one_touch"]),
                automation_only=int(one["is_automation_only"]),
                windows_expired=one["windows_expired"],
                repeats=int(bool(one["is_repeat"])),
            )
            tally.contacts |= {one["contact_key"]} - {None}
            tally.add("reopens", one["reopens"])
            tally.add("duration", one["duration_seconds"])
            tally.add("total_wait", one["total_wait_seconds"])
            tally.add("duration_on_target", one["is_duration_within_target"])
            if one["closed_on"]:
                days[account, key, one["closed_on"]].counts["closed_on_day"] += 1
        for key in rated(one):
            if one["survey_sent_at"]:
                tally = days[account, key, local(account, one["survey_sent_at"]).date()]
                tally.counts.update(surveys_sent=1, surveys_answered=int(one["csat_rating"] is not None))
            if one["csat_rating"]:
                tally = days[account, key, local(account, one["survey_responded_at"]).date()]
                tally.add("csat", one["csat_rating"])
        if one["first_response_at"] or one["is_first_response_within_target"] is not None:
            for key in responder(one):
                tally = days[account, key, day]
                tally.add("first_response", one["first_response_seconds"])
                tally.add("first_response_working", one["first_response_working_seconds"])
                tally.add("first_response_on_target", one["is_first_response_within_target"])
    for turn in rows["turns"]:
        keys = answering(turn, by_id) if answering else keys_of_conversation(by_id[turn["conversation_id"]])
        for key in keys:
            tally = days[turn["account_id"], key, turn["asked_on"]]
            tally.counts.update(
                turns_answered=int(turn["outcome"] == "answered"),
                turns_closed=int(turn["outcome"] == "closed"),
            )
            tally.add("reply", turn["wait_seconds"])
            tally.add("reply_on_target", turn["is_within_target"])
    for message in rows["messages"]:
        for key in keys_of_message(message):
            days[message["account_id"], key, message["sent_on"]].counts.update(
                messages=1,
                inbound_messages=int(message["direction"] == "inbound"),
                outbound_messages=int(message["direction"] == "outbound"),
                agent_messages=int(message["is_agent_message"]),
                automated_messages=int(message["is_automated"]),
            )
    return {key: tally.row() for key, tally in days.items()}


def satisfaction(conversations):
    """Return the rows of csat_summary by (account, origin, agent, rated agent, day)."""
    days = defaultdict(lambda: (Counter(), []))
    for one in conversations:
        account, key = one["account_id"], (one["origin"], one["agent_id"], one["csat_agent_id"])
        if one["survey_sent_at"]:
            counter = days[account, *key, local(account, one["survey_sent_at"]).date()][0]
            counter.update(sent=1, answered=int(one["csat_rating"] is not None))
        if one["csat_rating"]:
            days[account, *key, local(account, one["survey_responded_at"]).date()][1].append(
                one["csat_rating"]
            )
    rows = {}
    for key, (counter, ratings) in days.items():
        satisfied, sent = sum(rating >= 4 for rating in ratings), counter["sent"]
        rows[key] = {
            "surveys_sent": sent,
            "surveys_answered": counter["answered"],
            "responses": len(ratings),
            "satisfied": satisfied,
            "dissatisfied": sum(rating <= 2 for rating in ratings),
            **{f"rating_{rating}": ratings.count(rating) for rating in range(1, 6)},
            "csat_sum": sum(ratings) if ratings else None,
            "csat_avg": sum(ratings) / len(ratings) if ratings else None,
            "csat_score": satisfied / len(ratings) if ratings else None,
            "response_rate": counter["answered"] / sent if sent else None,
        }
    return rows


def hours(conversations, messages):
    """Return the rows of agg_by_hour by (account, weekday, hour, day)."""
    days = defaultdict(lambda: {"conversations": 0, "inbound_messages": 0, "agent_messages": 0})
    for one in conversations:
        day = one["started_on"]
        days[one["account_id"], day.isoweekday(), one["started_hour"], day]["conversations"] += 1
    for message in messages:
        day = message["sent_on"]
        row = days[message["account_id"], day.isoweekday(), message["sent_hour"], day]
        row["inbound_messages"] += message["direction"] == "inbound"
        row["agent_messages"] += message["is_agent_message"]
    return dict(days)


def deliveries(messages):
    """Return the rows of agg_delivery by (account, template, pricing category, day)."""
    days = defaultdict(list)
    for message in messages:
        if message["direction"] == "outbound":
            template = message["template_name"] or "No template"
            days[message["account_id"], template, None, message["sent_on"]].append(message["delivery_status"])
    rows = {}
    for key, statuses in days.items():
        read, failed = statuses.count("read"), statuses.count("failed")
        delivered = read + statuses.count("delivered")
        sent = delivered + statuses.count("sent") + statuses.count("deleted")
        rows[key] = {
            "messages": len(statuses),
            "sent": sent,
            "delivered": delivered,
            "read": read,
            "failed": failed,
            "billable": 0,
            "delivery_rate": delivered / sent if sent else None,
            "read_rate": read / delivered if delivered else None,
            "failure_rate": failed / (sent + failed) if sent + failed else None,
        }
    return rows
