"""Fetching from Chatwoot's REST API: the order of the lists, and where each continues.

Belongs here: Chatwoot's endpoints, parameters and pages. Does not: requests (`client`), files (`landing`).

The API has no list of changes. Recently changed conversations are in one answer (`updated_within`). The list
of all conversations is in the order of creation, so that a page has the same ones whenever it is read.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

from orchestration.fetch.client import MAX_PARALLEL_REQUESTS, Api, FetchError, stable_pages
from orchestration.fetch.page import Page, page_of
from orchestration.fetch.session import Session

OVERLAP = 600  # seconds fetched again: a change can become visible after its timestamp
LONGEST_WINDOW = (
    2 * 86_400
)  # seconds; changes since a longer time are read from the list of all conversations
MESSAGE_WINDOW = 14 * 86_400  # seconds in which messages and ratings change: delivered, read, rated
PAGE_OF_CONVERSATIONS = 25
PAGE_OF_MESSAGES = 20
SHARED_MESSAGES = 4  # overlap of adjacent pages: they are divided by id but ordered by time

ALL = {"status": "all", "assignee_type": "all"}
TEAM_FIELDS = ("id", "name")
INBOX_FIELDS = ("id", "name", "channel_type")
AGENT_FIELDS = ("id", "name", "role")  # for reports; others, such as the online status, change constantly


def fetch(session: Session) -> None:
    """Fetch the changes since the last fetch, or everything the first time."""
    api = session.api
    agents, labels = api.get("agents"), api.get("labels", "payload")
    session.add_if_changed("agents", agents, [[one.get(f) for f in AGENT_FIELDS] for one in agents.records])
    session.add_if_changed("labels", labels, labels.records)
    teams = api.get("teams")
    session.add_if_changed("teams", teams, [[one.get(f) for f in TEAM_FIELDS] for one in teams.records])
    # The settings of an inbox contain keys of its channel, which must not be written to a file.
    inboxes = [{f: one.get(f) for f in INBOX_FIELDS} for one in api.get("inboxes", "payload").records]
    session.add_if_changed("inboxes", page_of(inboxes), inboxes)
    _fetch_conversations(session, _has_reporting_events(session))
    _fetch_contacts(session)
    _fetch_ratings(session)


def _has_reporting_events(session: Session) -> bool:
    try:
        session.api.get("reporting_events", "payload", page=1)
    except FetchError as error:
        if error.status not in (402, 403, 404):
            raise
        session.note(
            f"reporting_events: not available ({error.status}): requires Chatwoot's Enterprise edition and an"
            " administrator's token. Reopens, hand-offs and exact close times are unknown"
        )
        return False
    return True


def _fetch_conversations(session: Session, with_events: bool) -> None:
    api, part = session.api, session.progress.part("conversations")
    while part.since is None or api.now() - part.since > LONGEST_WINDOW:
        part.started = part.started or api.now()
        read = partial(api.get, "conversations", "data.payload", sort_by="created_at_asc", **ALL)
        for number, page in stable_pages(read, part.page):
            _add_conversations(session, page, part.since, with_events)
            session.flush_if_full(part, number)
        session.flush()
        part.since, part.started, part.page = part.started, None, 1
        session.save()
    now = api.now()
    for page in _changed_conversations(api, part.since, now):
        _add_conversations(session, page, part.since, with_events)
    session.flush()
    part.since = now
    session.save()


def _changed_conversations(api: Api, since: float, now: float):
    """Yield the conversations that changed since a time: one page, or several from older versions."""
    seen: set = set()
    number = 1
    while True:
        page = api.get(
            "conversations", "data.payload", updated_within=int(now - since) + OVERLAP, page=number, **ALL
        )
        new = [one for one in page.records if one["id"] not in seen]
        if new:
            yield page if len(new) == len(page.records) else page_of(new)
        seen |= page.ids
        complete = len(page.records) < PAGE_OF_CONVERSATIONS or not new
        if complete or any(_changed_at(one) < since - OVERLAP for one in new):
            return
        number += 1


def _add_conversations(session: Session, page: Page, since: float | None, with_events: bool) -> None:
    """Add a page of conversations, with the messages and events of those that changed since a time."""
    changed = [one["id"] for one in page.records if since is None or _changed_at(one) >= since - OVERLAP]
    with ThreadPoolExecutor(MAX_PARALLEL_REQUESTS) as pool:
        for start in range(0, len(changed), PAGE_OF_CONVERSATIONS):  # limits the answers in memory
            some = changed[start : start + PAGE_OF_CONVERSATIONS]
            for messages in pool.map(lambda number: _messages(session.api, number, since), some):
                for one in messages:
                    session.pages.add("messages", one)
            if with_events:
                for one in pool.map(partial(_reporting_events, session.api), some):
                    session.pages.add("reporting_events", one)
    session.pages.add("conversations", page)


def _messages(api: Api, conversation: int, since: float | None) -> list[Page]:
    """Return the pages of a conversation's messages, latest first.

    They go back to the first message, or to the oldest that can have changed since a time.
    """
    pages, seen, before = [], set(), None
    while True:
        try:
            page = api.get(f"conversations/{conversation}/messages", "payload", before=before)
        except FetchError as error:
            if error.status == 404:  # deleted in the meantime
                return pages
            raise
        if not page.ids - seen:
            return pages
        pages.append(page)
        seen |= page.ids
        oldest = min(_seconds(one.get("created_at")) for one in page.records)
        if len(page.records) < PAGE_OF_MESSAGES or (since is not None and oldest < since - MESSAGE_WINDOW):
            return pages
        before = sorted(page.ids)[SHARED_MESSAGES]


def _reporting_events(api: Api, conversation: int) -> Page:
    """Return a conversation's events with its display id added, as they contain only the internal id."""
    try:
        page = api.get(f"conversations/{conversation}/reporting_events")
    except FetchError as error:
        if error.status == 404:
            return page_of([])
        raise
    return page_of([event | {"conversation_display_id": conversation} for event in page.records])


def _fetch_contacts(session: Session) -> None:
    """Fetch new and active contacts. The API does not list other changes."""
    api, part = session.api, session.progress.part("contacts")
    read = partial(api.get, "contacts", "payload", include_contact_inboxes="false")
    if part.since is None:
        part.started = part.started or api.now()
        for number, page in stable_pages(partial(read, sort="created_at"), part.page):
            session.pages.add("contacts", page)
            session.flush_if_full(part, number)
        session.flush()
        part.since, part.started, part.page = part.started, None, 1
        session.save()
        return
    now = api.now()
    for field in ("created_at", "last_activity_at"):
        number, recent = 1, True
        while recent:
            page = read(sort=f"-{field}", page=number)
            recent_ones = [one for one in page.records if _seconds(one.get(field)) >= part.since - OVERLAP]
            session.pages.add(
                "contacts", page if len(recent_ones) == len(page.records) else page_of(recent_ones)
            )
            recent = bool(page.records) and len(recent_ones) == len(page.records)
            number += 1
    session.flush()
    part.since = now
    session.save()


def _fetch_ratings(session: Session) -> None:
    api, part = session.api, session.progress.part("csat_survey_responses")
    now = api.now()
    window = {}
    if part.since is not None:
        window = {"since": int(part.since - MESSAGE_WINDOW), "until": int(now) + OVERLAP}
    read = partial(api.get, "csat_survey_responses", sort="created_at", **window)
    try:
        records = [one for _, page in stable_pages(read) for one in page.records]
    except FetchError as error:
        if error.status != 403:
            raise
        session.note(
            "csat_survey_responses: not available (403): requires an administrator's token. Ratings are"
            " unknown unless the survey's message contains them"
        )
        return
    session.add_if_changed(
        "csat_survey_responses",
        page_of(records),
        [[one["id"], one.get("rating"), one.get("created_at")] for one in records],
    )
    session.flush()
    part.since = now
    session.save()


def _changed_at(conversation: dict) -> float:
    """Return when a conversation changed, in unix seconds. Older versions have its last activity only."""
    return max(_seconds(conversation.get("updated_at")), _seconds(conversation.get("last_activity_at")))


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0
