"""The metric definitions a second time: slowly, conversation by conversation, in plain Python.

Belongs here: what the marts must hold, computed from the exported records alone. Does not: SQL, nor any code
of the pipeline.
"""

from collections import Counter, defaultdict
from datetime import UTC, datetime, time
from uuid import UUID
from zoneinfo import ZoneInfo

from tests.random_exports import ACCOUNTS, DAY

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
    """Sort by an instant; at the same instant by id, 9 before 10."""
    return sorted(records, key=lambda record: (record[instant], len(record["id"]), record["id"]))


def shifts_of(account, first_day, last_day):
    """Yield when the account opens and closes, without the parts that lie on holidays."""
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
    """Return the owner of a row: half the key of its contact, of its conversation, or of the message."""
    unnamed = f"conversation {conversation_key}" if conversation_key else f"message {message_key}"
    return UUID((contact_key or keyed_hash(unnamed))[:32])


def name_of(one):
    return " ".join(filter(None, (one.get("first_name"), one.get("last_name")))) or None


def tag_names(tags):
    return sorted({tag["name"].strip() for tag in tags or []} - {""})


def conversation_of(message, conversations):
    """Return the id that the message names, else the latest conversation of its contact begun by then."""
    if message["conversation"]:
        return message["conversation"]
    begun = [
        conversation
        for conversation in conversations.values()
        if message["contact"]
        and conversation.get("contact") == message["contact"]
        and conversation["created_on"] <= message["timestamp"]
    ]
    return in_order(begun, "created_on")[-1]["id"] if begun else None


def is_from_person(message):
    sender = message["sent_by"]
    return bool(
        message["direction"] == "OUTBOUND"
        and sender
        and sender.get("role", "").upper() not in ("BOT", "SYSTEM")
        and message["source"] in ("INBOX", None)
    )


def delivery_status(message):
    """Return the furthest that a message came, by its code or its instants."""
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


def first_response(messages, events):
    """Return the first human answer and when its clock started, or twice None."""
    asked = next((message for message in messages if message["direction"] == "INBOUND"), None)
    after = messages[messages.index(asked) :] if asked else []
    answer = next((message for message in after if message["is_human"]), None)
    if not answer:
        return None, None
    hand_offs = [
        event["occurred_on"]
        for event in events
        if event["type"] == "handed_off" and asked["timestamp"] <= event["occurred_on"] <= answer["timestamp"]
    ]
    return answer, max(hand_offs, default=asked["timestamp"])


def customer_waits(messages):
    """Return the answered turns as pairs of instants, and the number of turns left unanswered."""
    answered, asked = [], None
    for message in messages:
        if message["direction"] == "INBOUND":
            asked = asked or message["timestamp"]
        elif message["is_human"] and asked:
            answered.append((asked, message["timestamp"]))
            asked = None
    return answered, int(asked is not None)


def missed_windows(messages, data_through):
    followed_at = [message["timestamp"] for message in messages[1:]] + [data_through]
    return sum(
        message["direction"] == "INBOUND" and until - message["timestamp"] >= DAY
        for message, until in zip(messages, followed_at, strict=False)
    )


def counted_survey(surveys, conversation):
    """Return when the one survey that counts was sent and answered, and its rating."""
    candidates = []
    for survey in surveys:
        updated, rating = survey["last_updated_on"], survey["rating"]
        sent = survey["sent_on"] or survey["responded_on"] or updated
        answered = (survey["responded_on"] or updated or survey["sent_on"]) if rating else None
        candidates.append(
            (
                (answered or LONG_AGO, sent or LONG_AGO, len(survey["id"]), survey["id"]),
                survey,
                sent,
                answered,
            )
        )
    if not candidates:
        return None, None, None
    _, survey, sent, answered = max(candidates, key=lambda candidate: candidate[0])
    started = conversation["created_on"]
    return sent or started, (answered or started) if survey["rating"] else None, survey["rating"]


def assigned_agent(conversation, events):
    if conversation.get("assigned"):
        return conversation["assigned"][-1]["id"]
    turns = [
        event for event in in_order(events, "occurred_on") if event["type"] in ("assigned", "unassigned")
    ]
    return turns[-1]["agent"] if turns and turns[-1]["type"] == "assigned" else None


def conversation_row(
    account, conversation, messages, events, surveys, contact_tags, data_through, keyed_hash
):
    started = conversation["created_on"]
    status = STATUSES.get(conversation.get("status"))
    is_closed = status == "closed"
    of_type = defaultdict(list)
    for event in events:
        of_type[event["type"]].append(event["occurred_on"])
    human = [message for message in messages if message["is_human"]]
    inbound = [message["timestamp"] for message in messages if message["direction"] == "INBOUND"]
    last_message = messages[-1]["timestamp"] if messages else None
    closed = max(of_type["closed"], default=None) or conversation.get("closed_on") or last_message
    closed = max(closed, started) if is_closed and closed else None
    answer, clock = first_response(messages, events)
    answered_at = answer and answer["timestamp"]
    waits, unanswered = customer_waits(messages)
    wait_seconds = [(end - start).total_seconds() for start, end in waits]
    wait_working = [working_seconds(account, start, end) for start, end in waits]
    survey_sent, survey_answered, rating = counted_survey(surveys, conversation)
    conversation_key = key_of(account, conversation["id"])
    contact_key = keyed_hash(key_of(account, conversation.get("contact")))
    begun_by_contact = bool(messages) and messages[0]["direction"] == "INBOUND"
    return {
        "conversation_id": conversation_key,
        "account_id": account,
        "source_conversation_id": conversation["id"],
        "contact_key": contact_key,
        "owner_key": owner(conversation_key, contact_key, None, keyed_hash),
        "channel_id": conversation.get("channel"),
        "team_id": conversation.get("assigned_team"),
        "origin": ORIGINS.get(conversation.get("source")) or ("inbound" if begun_by_contact else "other"),
        "status": status,
        "agent_id": key_of(account, assigned_agent(conversation, events)),
        "first_response_agent_id": answer and key_of(account, answer["sent_by"]["id"]),
        "conversation_tags": tag_names(conversation.get("tags")),
        "contact_tags": contact_tags.get(conversation.get("contact"), []),
        "is_closed": is_closed,
        "is_in_working_hours": is_working(account, started),
        "is_one_touch": is_closed and len(human) == 1 and not of_type["reopened"],
        "is_automation_only": is_closed and not human,
        "messages": len(messages),
        "inbound_messages": len(inbound),
        "outbound_messages": len(messages) - len(inbound),
        "agent_messages": len(human),
        "automated_messages": sum(message["is_automated"] for message in messages),
        "agents_replied": len({message["sent_by"]["id"] for message in human}),
        "reopens": len(of_type["reopened"]),
        "windows_missed": missed_windows(messages, data_through),
        "turns_answered": len(waits),
        "turns_unanswered": unanswered,
        "duration_seconds": (closed - started).total_seconds() if closed else None,
        "duration_working_seconds": working_seconds(account, started, closed),
        "first_response_seconds": (answered_at - clock).total_seconds() if answer else None,
        "first_response_working_seconds": working_seconds(account, clock, answered_at),
        "wait_sum_seconds": sum(wait_seconds) if waits else None,
        "wait_max_seconds": max(wait_seconds, default=None),
        "wait_working_sum_seconds": None if not waits or None in wait_working else sum(wait_working),
        "csat_rating": rating,
        "started_on": local(account, started).date(),
        "started_hour": local(account, started).hour,
        "survey_sent_on": survey_sent and local(account, survey_sent).date(),
        "survey_responded_on": survey_answered and local(account, survey_answered).date(),
        "started_at": started,
        "first_inbound_at": min(inbound, default=None),
        "first_response_at": answered_at,
        "first_closed_at": min(of_type["closed"], default=closed),
        "closed_at": closed,
        "last_message_at": last_message,
        "survey_sent_at": survey_sent,
        "survey_responded_at": survey_answered,
    }


def contact_and_owner(account, message, conversation_rows, keyed_hash):
    """Return the contact and the owner of a message: those of its conversation, where it is known."""
    conversation_key = key_of(account, message["belongs_to"])
    named = keyed_hash(key_of(account, message["contact"]))
    known = conversation_rows.get(conversation_key)
    if known:
        return known["contact_key"] or named, known["owner_key"]
    return named, owner(conversation_key, named, key_of(account, message["id"]), keyed_hash)


def agent_names(account, exports, agents):
    """Return the names of agents: as exported, else as last seen in any version of a record."""
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
    """Return the account's conversation rows, message rows and agents' names."""
    records = {entity: latest(entity, files) for entity, files in exports.items()}
    conversations, grouped = records["conversations"], defaultdict(lambda: defaultdict(list))
    for message in records["messages"].values():
        message["belongs_to"] = conversation_of(message, conversations)
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
    for entity in ("surveys", "conversation_events"):
        for record in records[entity].values():
            grouped[entity][record["conversation"]].append(record)
    data_through = max(message["timestamp"] for message in records["messages"].values())
    contact_tags = {key: tag_names(contact["tags"]) for key, contact in records["contacts"].items()}

    conversation_rows = [
        conversation_row(
            account,
            conversation,
            grouped["messages"][key],
            grouped["conversation_events"][key],
            grouped["surveys"][key],
            contact_tags,
            data_through,
            keyed_hash,
        )
        for key, conversation in conversations.items()
    ]
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
    return conversation_rows, message_rows, agent_names(account, exports, records["agents"])


def percentile(values, share):
    """Return the value below which a share of the values lies, between the two nearest in proportion."""
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


COUNTS = ("conversations", "messages", "closed", "reopens", "one_touch", "windows_missed", "surveys_sent")
MESSAGE_COUNTS = ("inbound_messages", "agent_messages", "automated_messages")
TIMES = ("duration", "first_response", "first_response_working", "wait")


class Tally:
    """What happened under one key on one day."""

    def __init__(self):
        self.counts, self.contacts, self.values = Counter(), set(), defaultdict(list)

    def add(self, name, value):
        if value is not None:
            self.values[name].append(value)

    def row(self):
        csat = statistics("csat", self.values["csat"])
        row = {name: self.counts[name] for name in (*COUNTS, *MESSAGE_COUNTS)}
        row |= {"distinct_contacts": len(self.contacts)}
        row |= {name: csat[name] for name in ("csat_n", "csat_sum", "csat_avg")}
        for name in TIMES:
            row |= statistics(name, self.values[name])
        return row


def tallies(conversations, messages, keys_of_conversation, keys_of_responder, keys_of_message):
    """Tally everything by (account, key, day); the functions give the keys that a thing counts under."""
    days = defaultdict(Tally)
    for one in conversations:
        account, day = one["account_id"], one["started_on"]
        for key in keys_of_conversation(one):
            tally = days[account, key, day]
            tally.counts.update(
                conversations=1,
                closed=int(one["is_closed"]),
                reopens=one["reopens"],
                one_touch=int(one["is_one_touch"]),
                windows_missed=one["windows_missed"],
            )
            tally.contacts |= {one["contact_key"]} - {None}
            tally.add("duration", one["duration_seconds"])
            tally.add("wait", one["wait_sum_seconds"])
            if one["survey_sent_at"]:
                days[account, key, local(account, one["survey_sent_at"]).date()].counts["surveys_sent"] += 1
            if one["csat_rating"]:
                days[account, key, local(account, one["survey_responded_at"]).date()].add(
                    "csat", one["csat_rating"]
                )
        if one["first_response_at"]:
            for key in keys_of_responder(one):
                days[account, key, day].add("first_response", one["first_response_seconds"])
                days[account, key, day].add("first_response_working", one["first_response_working_seconds"])
    for message in messages:
        for key in keys_of_message(message):
            days[message["account_id"], key, message["sent_on"]].counts.update(
                messages=1,
                inbound_messages=int(message["direction"] == "inbound"),
                agent_messages=int(message["is_agent_message"]),
                automated_messages=int(message["is_automated"]),
            )
    return {key: tally.row() for key, tally in days.items()}


def satisfaction(conversations):
    """Return the rows of csat_summary by (account, origin, agent, day)."""
    days = defaultdict(lambda: (Counter(), []))
    for one in conversations:
        account, key = one["account_id"], (one["origin"], one["agent_id"])
        if one["survey_sent_at"]:
            days[account, *key, local(account, one["survey_sent_at"]).date()][0]["sent"] += 1
        if one["csat_rating"]:
            days[account, *key, local(account, one["survey_responded_at"]).date()][1].append(
                one["csat_rating"]
            )
    rows = {}
    for key, (counter, ratings) in days.items():
        satisfied, sent = sum(rating >= 4 for rating in ratings), counter["sent"]
        rows[key] = {
            "surveys_sent": sent,
            "responses": len(ratings),
            "satisfied": satisfied,
            "dissatisfied": sum(rating <= 2 for rating in ratings),
            **{f"rating_{rating}": ratings.count(rating) for rating in range(1, 6)},
            "csat_sum": sum(ratings) if ratings else None,
            "csat_avg": sum(ratings) / len(ratings) if ratings else None,
            "csat_score": satisfied / len(ratings) if ratings else None,
            "response_rate": len(ratings) / sent if sent else None,
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
