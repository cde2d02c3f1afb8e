"""What is fetched from ActiveCampaign's WhatsApp API: conversations, contacts and agents, listed as a whole.

Belongs here: its addresses and pages. Does not: requests (`client`), files (`landing`).

The API lists neither changes nor messages; of a conversation it gives the first message. So every fetch reads
all pages, and writes only the records that differ from the last fetch.
"""

from collections.abc import Iterator
from functools import partial

from orchestration.fetch.client import Api, FetchError
from orchestration.fetch.page import Page, page_of
from orchestration.fetch.progress import Latest
from orchestration.fetch.session import Session

PAGE_SIZE = 100
LISTINGS = 3  # at most, until as many records were read as the API counts

MISSING = (
    "messages: the API gives the first one of a conversation only. Without an export of the others, replies,"
    " first response times and waits are unknown, and conversations appear as unanswered",
    "surveys: not in the API. Ratings are unknown without an export",
    "conversation_events: not in the API. Reopens, assignments and the times of closing are unknown",
)


def fetch(session: Session) -> None:
    """Fetch every record that is new or differs from the last fetch."""
    latest = Latest(session.file.latest_path)
    for page in _all_pages(session.api, "inbox/conversation"):
        _add_new(session, latest, "conversations", page)
    for page in _all_pages(session.api, "contact"):
        _add_new(session, latest, "contacts", page)
    _add_new(session, latest, "agents", page_of(list(map(_agent, session.api.get("account-member").records))))
    session.flush()
    latest.save()
    for text in MISSING:
        session.note(text)


def _all_pages(api: Api, path: str) -> Iterator[Page]:
    """Yield the pages of a list whose order is not documented: again, where a record moved out of sight."""
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


def _add_new(session: Session, latest: Latest, entity: str, page: Page) -> None:
    new = [one for one in page.records if latest.update(entity, one)]
    session.pages.add(entity, page if len(new) == len(page.records) else page_of(new))
    if entity == "conversations":
        firsts = [
            one["first_message"] | {"conversation": one["id"]} for one in new if one.get("first_message")
        ]
        session.pages.add("messages", page_of(firsts))
    if session.pages.is_full:
        session.flush()
        latest.save()


def _agent(record: dict) -> dict:
    """Return an agent with its teams by name, as exports have them."""
    teams = [team["name"] if isinstance(team, dict) else team for team in record.get("teams") or []]
    return record | {"teams": teams}
