"""The page Details: the list of conversations, and the timeline of one of them.

Belongs here: the parts of the page and their order. Does not: the definition of figures. The
database sorts, searches and pages the list.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd
import streamlit as st

from reports.filters import number, one_of, some_of, text, touched
from reports.tables import Column, as_file, downloads
from reports.view import View

ROWS = ("25", "50", "100", "250")
MOST = 100_000  # in a download of the whole list
SORTS = (
    "started_at",
    "last_message_at",
    "conversation_id",
    "agent_name",
    "status",
    "messages",
    "first_response_seconds",
    "total_wait_seconds",
    "duration_seconds",
    "csat_rating",
)
LABELS = {"started_at": "started_local", "last_message_at": "last_message_local"}
WORKING = {
    "first_response_seconds": "first_response_working_seconds",
    "total_wait_seconds": "total_wait_working_seconds",
    "duration_seconds": "duration_working_seconds",
}
SELECT = """*,
    local_time(started_at, time_zone) as started_local,
    local_time(closed_at, time_zone) as closed_local,
    local_time(waiting_since, time_zone) as waiting_since_local,
    local_time(last_message_at, time_zone) as last_message_local"""
# Filters of this page only: options and the SQL condition of each.
CHOICES = {
    "status": {
        status: f"status = '{status}'"
        for status in ("new", "in_progress", "in_flow", "not_contacted", "closed")
    },
    "outcome": {
        "waiting": "waiting_since is not null",
        "unanswered": "turns_closed > 0 and turns_answered = 0",
        "answered": "turns_answered > 0",
    },
    "rating": {
        **{str(rating): f"csat_rating = {rating}" for rating in range(1, 6)},
        "none": "csat_rating is null",
    },
    "target": {
        "missed": "is_first_response_within_target = false",
        "met": "is_first_response_within_target",
        "duration_missed": "is_duration_within_target = false",
    },
    "handled": {
        **{value: f"handled_by = '{value}'" for value in ("agent", "automation", "nobody")},
        "unknown": "handled_by is null",
    },
}


def details(view: View) -> None:
    """Show the page."""
    language, address = view.language, view.address
    entries = (text("search"), one_of("sort", SORTS), one_of("order", ("descending", "ascending")))
    for entry in (*entries, one_of("rows", ROWS, "50"), number("page"), text("conversation")):
        address.hold(entry)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = {name: _choice(view, name) for name in CHOICES}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        search = st.text_input(
            language("details.search"),
            key="search",
            help=language("details.search_help"),
            on_change=_from_the_start,
        ).strip()
        sort = _selectbox(view, "sort", SORTS, lambda name: language(f"column.{LABELS.get(name, name)}"))
        order = _selectbox(view, "order", ("descending", "ascending"), lambda way: language(f"details.{way}"))
        rows = int(_selectbox(view, "rows", ROWS, str))
    listing = Listing(search, chosen, f"{_column(view, sort)} {order.removesuffix('ending')}")
    is_beside = bool(st.session_state["conversation"].strip())
    left, right = st.columns(2) if is_beside else (st.container(), st.container())
    with left:
        count = _count(view, listing)
        if count:
            _list(view, listing, rows, count)
        elif search:
            st.info(language("empty.nothing_found", search=_plain(search)))
        else:
            view.nothing()
    with right:
        _timeline(view)


@dataclass(frozen=True)
class Listing:
    """The condition and the order of the list, as SQL without input of the user."""

    search: str
    chosen: dict[str, list[str]]
    order: str

    @property
    def condition(self) -> str:
        """The SQL condition of the list. The searched text is its parameter `_search`."""
        parts = ["($_search = '' or contains(conversation_id, $_search))"]
        for name, options in self.chosen.items():
            if options:
                parts.append(f"({' or '.join(f'({CHOICES[name][option]})' for option in options)})")
        return f"where {' and '.join(parts)}"


def _choice(view: View, name: str) -> list[str]:
    view.address.hold(some_of(name, CHOICES[name]))
    return st.multiselect(
        view.language(f"details.{name}"),
        list(CHOICES[name]),
        format_func=lambda option: view.language(f"{name}.{option}"),
        placeholder=view.language("filter.every"),
        key=name,
        on_change=_from_the_start,
        width=200,
    )


def _selectbox(view: View, name: str, options: Sequence[str], written: Callable[[str], str]) -> str:
    return st.selectbox(
        view.language(f"details.{name}"),
        options,
        format_func=written,
        key=name,
        on_change=_from_the_start,
        width=170,
    )


def _from_the_start() -> None:
    st.session_state["page"] = 1
    touched()


def _plain(search: str) -> str:
    """Return the searched text without characters of Markdown."""
    return "".join(letter for letter in search if letter.isalnum() or letter in " :.-")


def _column(view: View, column: str) -> str:
    return WORKING.get(column, column) if view.is_working_time else column


def _count(view: View, listing: Listing) -> int:
    found = view.queries.report(
        "_details", view.filters, "count(*) as n", listing.condition, _search=listing.search
    )
    return int(found.at[0, "n"])


def _rows(view: View, listing: Listing, rows: int, skip: int) -> pd.DataFrame:
    order = f"order by {listing.order} nulls last, conversation_id limit $_rows offset $_skip"
    return view.queries.report(
        "_details",
        view.filters,
        SELECT,
        f"{listing.condition} {order}",
        _search=listing.search,
        _rows=rows,
        _skip=skip,
    )


def _list(view: View, listing: Listing, rows: int, count: int) -> None:
    language = view.language
    pages = -(-count // rows)
    st.session_state["page"] = min(st.session_state["page"], pages)
    page = st.pagination(pages, key="page", on_change=touched) if pages > 1 else 1
    skip = (page - 1) * rows
    frame = _rows(view, listing, rows, skip)
    st.caption(
        language(
            "details.found",
            count=language.count(count),
            first=language.count(skip + 1),
            last=language.count(skip + len(frame)),
        )
    )
    view.show(
        language("page.details"),
        frame,
        _columns(view),
        on_select=partial(_select, list(frame["conversation_id"])),
        selection_mode="single-row",
        key="list",
    )
    most = min(count, MOST)
    name = language("details.whole_list")
    cut = language("details.whole_list_cut", count=language.count(most))
    st.caption(name if most == count else cut)
    downloads(
        language, name, lambda: as_file(language, _rows(view, listing, most, 0), _columns(view)), view.stem
    )


def _select(ids: list[str]) -> None:
    for row in st.session_state["list"].selection.rows:
        st.session_state["conversation"] = ids[row]
    touched()


def _columns(view: View) -> list[Column]:
    def timed(field: str) -> Column:
        return Column(_column(view, field), "seconds", label=field)

    return [
        Column("conversation_id", "text"),
        Column("started_local", "time"),
        Column("origin", "origin"),
        Column("status", "status"),
        Column("agent_name", "name"),
        Column("channel_id", "text"),
        Column("team_id", "text"),
        Column("conversation_tags", "list"),
        Column("contact_tags", "list"),
        Column("is_in_working_hours", "yes"),
        Column("messages"),
        Column("agent_messages"),
        Column("handled_by", "handled_by"),
        timed("first_response_seconds"),
        Column("first_response_agent_name", "name"),
        timed("total_wait_seconds"),
        Column("turns_answered"),
        Column("turns_closed"),
        Column("turns_waiting"),
        Column("waiting_since_local", "time"),
        Column("windows_expired"),
        timed("duration_seconds"),
        Column("reopens"),
        Column("is_one_touch", "yes"),
        Column("is_first_response_within_target", "yes"),
        Column("is_duration_within_target", "yes"),
        Column("csat_rating"),
        Column("closed_local", "time"),
        Column("last_message_local", "time"),
        Column("time_zone", "text"),
        Column("contact_key", "text"),
    ]


def _timeline(view: View) -> None:
    language = view.language
    st.header(language("details.timeline"))
    conversation = st.text_input(
        language("details.choose"),
        key="conversation",
        help=language("details.choose_help"),
        on_change=touched,
    ).strip()
    if not conversation:
        st.info(language("details.none_chosen"))
        return
    frame = view.queries.about(
        "report_timeline",
        "*, local_time(happened_at, time_zone) as happened_local",
        conversation=conversation,
        accounts=view.filters.accounts,
    )
    if frame.empty:
        st.info(language("details.unknown"))
        return
    actors = {"inbound": language("who.customer"), "automated": language("who.automation")}
    frame["who"] = frame["agent_name"].fillna(frame["event"].map(actors))
    st.caption(f"{language('details.timeline_note')} {_zone(view, frame)}")
    view.show(
        language("details.timeline"),
        frame,
        [
            Column("happened_local", "time"),
            Column("event", "event"),
            Column("who", "text"),
            Column("wait_seconds", "seconds"),
            Column("turn"),
            Column("message_type", "text"),
            Column("delivery_status", "text"),
            Column("csat_rating"),
        ],
        key="timeline",
    )


def _zone(view: View, frame: pd.DataFrame) -> str:
    return view.language("note.times_in_zone", zone=frame.at[0, "time_zone"])
