"""Fetching from ActiveCampaign's WhatsApp API: all conversations, contacts and agents.

Belongs here: its endpoints and pages. Does not: requests (`client`), files (`landing`).

The API lists neither changes nor messages, and returns only the first message of a conversation. So every
fetch reads all pages, and writes only the records that differ from the last fetch.
"""

from collections.abc import Iterator
from functools import partial

from orchestration.fetch.client import Api, FetchError
from orchestration.fetch.page import Page, page_of
from orchestration.fetch.progress import Latest
from orchestration.fetch.session import Session

PAGE_SIZE = 100
LISTINGS = 3  # maximum, to read as many records as the API counts

MISSING = (
    "messages: the API returns only the first of each conversation. Without an export, replies,"
    " first response times and wait times are unknown, and conversations appear as unanswered",
    "surveys: not in the API. Without an export, ratings are unknown",
    "conversation_events: not in the API. Reopens, assignments and close times are unknown",
)


def fetch(session: Session) -> None:
    """Fetch every new or changed record."""
    latest = Latest(session.file.latest_path)
    for page in _all_pages(session.api, "inbox/conversation"):
        _add_changed(session, latest, "conversations", page)
    for page in _all_pages(session.api, "contact"):
        _add_changed(session, latest, "contacts", page)
    _add_changed(
        session, latest, "agents", page_of(list(map(_agent, session.api.get("account-member").records)))
    )
    session.flush()
    latest.save()
    for text in MISSING:
        session.note(text)


def _all_pages(api: Api, path: str) -> Iterator[Page]:
    """Yield the pages of a list without a defined order, again if a record moved to a page already read."""
    read = partial(api.get, path, "results", page_size=PAGE_SIZE)
    ids: set = set()
    for _ in range(LISTINGS):
        number, more, count = 1, True, 0
        while more:
            try:
                page = read(page=number)
            except FetchError as error:
                if error.status == 404 and number > 1:  # the list became shorter
                    break
                raise
            yield page
            ids |= page.ids
            more, count = bool(page.answer.get("next")), page.answer.get("count") or 0
            number += 1
        if len(ids) >= count:
            return


def _add_changed(session: Session, latest: Latest, entity: str, page: Page) -> None:
    changed = [one for one in page.records if latest.update(entity, one)]
    session.pages.add(entity, page if len(changed) == len(page.records) else page_of(changed))
    if entity == "conversations":
        firsts = [
            one["first_message"] | {"conversation": one["id"]} for one in changed if one.get("first_message")
        ]
        session.pages.add("messages", page_of(firsts))
    if session.pages.is_full:
        session.flush()
        latest.save()


def _agent(record: dict) -> dict:
    """Return an agent with the names of its teams, as in exports."""
    teams = [team["name"] if isinstance(team, dict) else team for team in record.get("teams") or []]
    return record | {"teams": teams}
