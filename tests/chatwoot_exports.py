"""Random histories of platform `chatwoot` as API responses and webhooks.

Belongs here: a history as plain data, and its records in the formats of the platform. Does not: expected
results.
"""

from datetime import UTC, datetime

START = datetime(2025, 3, 3, 9, tzinfo=UTC)  # all times are seconds after it
ANNA = {"id": 7, "name": "Anna Neri", "type": "user"}
BRUNO = {"id": 8, "name": "Bruno", "type": "user"}
BOT = {"id": 2, "name": "Robot", "type": "agent_bot"}
TYPES = {"incoming": 0, "outgoing": 1, "activity": 2, "template": 3}
SENDER_TYPES = {"user": "User", "agent_bot": "AgentBot", "contact": "Contact"}
RATED = {"submitted_values": {"csat_survey_response": {"rating": 4, "feedback_message": "Grazie!"}}}


def unix(at: float) -> int:
    return int(START.timestamp() + at)


def iso(at: float) -> str:
    return datetime.fromtimestamp(START.timestamp() + at + 0.4, UTC).isoformat().replace("+00:00", "Z")


def message(number: int, at: int, kind: str, sender: dict | None = None, **more: object) -> dict:
    return {"id": number, "at": at, "kind": kind, "sender": sender, **more}


def contact(number: int) -> dict:
    return {"id": number, "name": "Carla", "phone_number": "+39333", "type": "contact"}


END = 120000  # the end of every history


def as_pushed(conversation: dict, sent: dict, now: int) -> dict:
    """Return a message as nested in a conversation."""
    later_at, later = sent.get("later", (END + 1, {}))
    changed = later if now >= later_at else {}
    sender = sent["sender"] or {}
    record = {
        "id": sent["id"],
        "content": "Buongiorno",
        "account_id": 1,
        "inbox_id": 4,
        "conversation_id": conversation["id"],
        "message_type": TYPES[sent["kind"]],
        "created_at": unix(sent["at"]),
        "updated_at": iso(later_at if changed else sent["at"]),
        "private": sent.get("private", False),
        "status": "sent",
        "source_id": None,
        "content_type": sent.get("content_type", "text"),
        "content_attributes": sent.get("content_attributes", {}),
        "sender_type": SENDER_TYPES.get(sender.get("type")),
        "sender_id": sender.get("id"),
        "external_source_ids": {},
        "additional_attributes": sent.get("additional_attributes", {}),
        "processed_message_content": "Buongiorno",
        "sentiment": {},
        "conversation": {"assignee_id": 7, "unread_count": 0, "last_activity_at": unix(sent["at"])},
        **changed,
    }
    return record | ({"sender": sender} if sender else {})


def as_in_messages_api(conversation: dict, sent: dict, now: int = END) -> dict:
    """Return a message as in the list of messages, which has neither the campaign nor the template."""
    pushed = as_pushed(conversation, sent, now)
    kept = ("id", "content", "inbox_id", "conversation_id", "message_type", "content_type", "status")
    kept += ("content_attributes", "created_at", "private", "source_id", "sender")
    return {name: pushed[name] for name in kept if name in pushed}


def as_conversation(conversation: dict, now: int, messages: list[dict]) -> dict:
    last = max(sent["at"] for sent in conversation["messages"] if sent["at"] <= now)
    assignee = conversation.get("assignee")
    return {
        "id": conversation["id"],
        "uuid": f"0000-{conversation['id']}",
        "account_id": 1,
        "inbox_id": 4,
        "status": [status for at, status in conversation["statuses"] if at <= now][-1],
        "labels": conversation["labels"] if now == END else [],
        "meta": {
            "sender": conversation.get("merged_into", conversation["contact"])
            if now == END
            else conversation["contact"],
            "channel": "Channel::Whatsapp",
            "assignee": assignee,
            "assignee_type": assignee and SENDER_TYPES[assignee["type"]],
            "team": conversation.get("team"),
            "hmac_verified": False,
        },
        "messages": messages,
        "additional_attributes": {},
        "created_at": unix(conversation["at"]),
        "last_activity_at": unix(last),
        "timestamp": unix(last),
        "updated_at": START.timestamp() + now + 0.25,
        "waiting_since": 0,
        "first_reply_created_at": 0,
        "snoozed_until": None,
        "can_reply": True,
    }


def with_last_message(conversation: dict, now: int) -> dict:
    chat = [
        sent
        for sent in conversation["messages"]
        if sent["at"] <= now and sent["kind"] != "activity" and not sent.get("private")
    ]
    return as_conversation(conversation, now, [as_pushed(conversation, chat[-1], now)])


def as_webhook(conversation: dict, sent: dict, event: str, now: int) -> dict:
    pushed = as_pushed(conversation, sent, now)
    return {
        "event": event,
        "id": sent["id"],
        "content": "Buongiorno",
        "account": {"id": 1, "name": "Shop"},
        "inbox": {"id": 4, "name": "WhatsApp"},
        "message_type": sent["kind"],
        "created_at": iso(sent["at"]),
        "private": pushed["private"],
        "source_id": None,
        "content_type": pushed["content_type"],
        "content_attributes": pushed["content_attributes"],
        "additional_attributes": pushed["additional_attributes"],
        # Contacts have no type in webhooks.
        "sender": sent["sender"]
        and {k: v for k, v in sent["sender"].items() if (k, v) != ("type", "contact")},
        "conversation": with_last_message(conversation, now),
    }


def webhooks(conversations: list[dict]) -> list[dict]:
    """Return all webhooks of the history in order of time, some of them twice."""
    events = []
    for conversation in conversations:
        events.append(
            (
                conversation["at"],
                with_last_message(conversation, conversation["at"]) | {"event": "conversation_created"},
            )
        )
        for sent in conversation["messages"]:
            if sent["kind"] != "activity":
                events.append((sent["at"], as_webhook(conversation, sent, "message_created", sent["at"])))
            if "later" in sent:
                at = sent["later"][0]
                events.append((at, as_webhook(conversation, sent, "message_updated", at)))
        for (_, before), (at, after) in zip(
            conversation["statuses"], conversation["statuses"][1:], strict=False
        ):
            changes = [
                {"updated_at": {"previous_value": iso(at - 1), "current_value": iso(at)}},
                {"status": {"previous_value": before, "current_value": after}},
            ]
            state = with_last_message(conversation, at) | {"changed_attributes": changes}
            events.append((at, state | {"event": "conversation_status_changed"}))
            events.append((at, state | {"event": "conversation_updated"}))
        changes = [{"label_list": {"previous_value": [], "current_value": conversation["labels"]}}]
        state = with_last_message(conversation, END) | {"changed_attributes": changes}
        events.append((END, state | {"event": "conversation_updated"}))
    events.append((END, {"event": "webwidget_triggered", "id": 1}))
    ordered = [event for _, event in sorted(events, key=lambda pair: pair[0])]
    return ordered + ordered[3:9]


# A private note becomes a message, and the reverse. The platform does not do so, but an export can.
NOTES = [{"private": True}, {"private": False}]
LATER = [{"status": "read"}, {"content_attributes": {"deleted": True}}, {"content_attributes": RATED}, *NOTES]


def random_message(rng, number, at, customer):
    kind = rng.choice(["incoming", "incoming", "outgoing", "outgoing", "template", "activity"])
    sender = {"incoming": customer, "outgoing": rng.choice([ANNA, BRUNO, BOT, None])}.get(kind)
    more = rng.choice(
        [
            {},
            {},
            {"private": True},
            {"content_type": "input_csat"},
            {"additional_attributes": {"campaign_id": 5}},
            {"additional_attributes": {"template_params": {"name": "welcome", "language": "it"}}},
        ]
    )
    if rng.random() < 0.3:
        more = more | {"later": (at + rng.choice([1, 600, 5000]), rng.choice(LATER))}
    return message(number, at, kind, sender, **more)


def random_history(rng, conversations=25):
    """Return the conversations of an account with eight contacts, until `END`."""
    number, history = iter(range(1000, 10**6)).__next__, []
    for identifier in range(11, 11 + conversations):
        started = rng.randrange(0, 90_000, 10)
        customer = contact(500 + rng.randint(1, 8))
        messages = [message(number(), started, "incoming", customer)]
        for _ in range(rng.choice([0, 1, 3, 6, 10])):
            at = min(messages[-1]["at"] + rng.choice([0, 1, 60, 3000]), END)
            messages.append(random_message(rng, number(), at, customer))
        statuses = [(started, rng.choice(["pending", "open"]))]
        for _ in range(rng.choice([0, 1, 2, 4])):
            at = statuses[-1][0] + rng.choice([0, 5, 400, 2000])
            statuses.append((at, rng.choice(["open", "resolved", "snoozed", "pending"])))
        history.append(
            {
                "id": identifier,
                "at": started,
                "contact": customer,
                "assignee": rng.choice([None, ANNA, BRUNO, BOT]),
                "labels": rng.choice([[], ["billing"], ["vip", "billing"]]),
                "statuses": statuses,
                "messages": messages,
            }
        )
    return history


def merge_contacts(rng, history):
    """Merge one contact into another, as the platform does, at the end of the history."""
    merged, into = rng.sample(range(501, 509), k=2)
    for conversation in history:
        if conversation["contact"]["id"] == merged:
            conversation["merged_into"] = contact(into)
    return history


def random_files(rng, history):
    """Return the files of a history by name, each with its lines: webhooks and API responses."""
    all_webhooks, files = webhooks(history), {}
    for name in range(12):
        files[f"webhooks/{name}.jsonl"] = rng.sample(all_webhooks, k=len(all_webhooks) // 8)
    for now in (30_000, 60_000, END):
        started = [with_last_message(c, now) for c in history if c["at"] <= now]
        files[f"conversations/{now}.json"] = [{"data": {"payload": started}}]
    for one in rng.sample(history, k=len(history) // 2):
        page = {"meta": {}, "payload": [as_in_messages_api(one, sent) for sent in one["messages"]]}
        files[f"messages/{one['id']}.json"] = [page]
    for name in ("1", "2"):
        people = [contact(500 + n) | {"labels": rng.choice([[], ["lead"]])} for n in range(1, 9)]
        files[f"contacts/{name}.json"] = [{"meta": {"count": 8}, "payload": people}]
        agents = [{"id": a["id"], "name": a["name"] + name, "role": "agent"} for a in (ANNA, BRUNO)]
        files[f"agents/{name}.json"] = agents
    return files
