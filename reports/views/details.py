"""Details: the conversations one by one, and what happened in one of them.

Belongs here: what the page shows and in which order. Does not: any figure's making. The list is sorted,
searched and cut into pages by the database; the browser gets one page.
"""

from functools import partial

import pandas as pd
import streamlit as st

from reports.filters import number, one_of, text, touched
from reports.tables import Column, as_file, downloads, show
from reports.view import View

ROWS = ("25", "50", "100", "250")
MOST = 100_000  # rows of a download of the whole list
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
FOUND = "where ($_search = '' or contains(conversation_id, $_search))"


def details(view: View) -> None:
    """Show the page."""
    language, address = view.language, view.address
    for entry in (text("search"), one_of("sort", SORTS), one_of("order", ("descending", "ascending"))):
        address.hold(entry)
    for entry in (one_of("rows", ROWS, "50"), number("page"), text("conversation")):
        address.hold(entry)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        search = st.text_input(
            language("details.search"),
            key="search",
            help=language("details.search_help"),
            on_change=_from_the_start,
        ).strip()
        sort = st.selectbox(
            language("details.sort"),
            SORTS,
            format_func=lambda column: language(f"column.{LABELS.get(column, column)}"),
            key="sort",
            on_change=_from_the_start,
        )
        order = st.selectbox(
            language("details.order"),
            ("descending", "ascending"),
            format_func=lambda way: language(f"details.{way}"),
            key="order",
            on_change=_from_the_start,
        )
        rows = int(st.selectbox(language("details.rows"), ROWS, key="rows", on_change=_from_the_start))
    count = _count(view, search)
    if count:
        _list(view, search, f"{_column(view, sort)} {order.removesuffix('ending')}", rows, count)
    elif search:
        st.info(language("empty.nothing_found", search=_plain(search)))
    else:
        view.nothing()
    _timeline(view)


def _from_the_start() -> None:
    st.session_state["page"] = 1
    touched()


def _plain(search: str) -> str:
    """Return what was searched without what could be read as markup."""
    return "".join(letter for letter in search if letter.isalnum() or letter in " :.-")


def _column(view: View, column: str) -> str:
    return WORKING.get(column, column) if view.is_working_time else column


def _count(view: View, search: str) -> int:
    found = view.questions.report("_details", view.filters, "count(*) as n", FOUND, _search=search)
    return int(found.at[0, "n"])


def _rows(view: View, search: str, order: str, rows: int, skip: int) -> pd.DataFrame:
    tail = f"{FOUND} order by {order} nulls last, conversation_id limit $_rows offset $_skip"
    return view.questions.report(
        "_details", view.filters, SELECT, tail, _search=search, _rows=rows, _skip=skip
    )


def _list(view: View, search: str, order: str, rows: int, count: int) -> None:
    language = view.language
    pages = -(-count // rows)
    st.session_state["page"] = min(st.session_state["page"], pages)
    page = st.pagination(pages, key="page", on_change=touched) if pages > 1 else 1
    skip = (page - 1) * rows
    frame = _rows(view, search, order, rows, skip)
    st.caption(
        language(
            "details.found",
            count=language.count(count),
            first=language.count(skip + 1),
            last=language.count(skip + len(frame)),
        )
    )
    ids = list(frame["conversation_id"])
    show(
        language,
        language("page.details"),
        frame,
        _columns(view),
        on_select=partial(_select, ids),
        selection_mode="single-row",
        key="list",
    )
    most = min(count, MOST)
    st.caption(
        language("details.whole_list")
        if most == count
        else language("details.whole_list_cut", count=language.count(most))
    )
    downloads(
        language,
        language("details.whole_list"),
        lambda: as_file(language, _rows(view, search, order, most, 0), _columns(view)),
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
    frame = view.questions.about(
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
    show(
        language,
        language("details.timeline"),
        frame,
        [
            Column("happened_local", "time"),
            Column("event", "event"),
            Column("who", "text"),
            Column("turn"),
            Column("wait_seconds", "seconds"),
            Column("message_type", "text"),
            Column("delivery_status", "text"),
            Column("csat_rating"),
        ],
        key="timeline",
    )


def _zone(view: View, frame: pd.DataFrame) -> str:
    return view.language("note.times_in_zone", zone=frame.at[0, "time_zone"])
