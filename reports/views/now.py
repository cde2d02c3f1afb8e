"""The page Now: open, waiting and unassigned conversations.

Belongs here: the parts of the page and their order. Does not: the definition of figures.
"""

from datetime import timedelta
from functools import partial

import pandas as pd
import streamlit as st

from reports import charts
from reports.tables import Column, missing, written
from reports.view import View

MOST = 100  # of a list on the page; downloads have up to MOST_IN_FILE
MOST_IN_FILE = 10_000
DAYS = 28
LISTS = {
    "waiting": ("not is_in_flow and is_waiting", "waiting_since"),
    "unassigned": ("not is_in_flow and agent_id is null", "opened_at"),
    "in_flow": ("is_in_flow", "opened_at"),
}
LOCAL = """*, local_time(opened_at, time_zone) as opened_local,
    local_time(waiting_since, time_zone) as waiting_since_local"""
COUNTS = ("open", "waiting", "open_over_1_day", "open_over_7_days")
TILES = (
    ("open", "count"),
    ("waiting", "count"),
    ("longest_waiting_seconds", "seconds"),
    ("waiting_seconds_median", "seconds"),
    ("unassigned", "count"),
    ("open_over_1_day", "count"),
    ("open_over_7_days", "count"),
)


def now(view: View) -> None:
    """Show the page."""
    language = view.language
    counts = view.queries.present("report_open_counts", view.filters)
    st.caption(language("now.as_of"))
    totals = counts[counts["per"] == "total"]
    in_flow = counts.loc[counts["per"] == "in_flow", "open"].sum()
    with st.container(horizontal=True, key="figures"):
        for field, kind in TILES:
            value = totals[field].iloc[0] if len(totals) else None if kind == "seconds" else 0
            _tile(view, field, written(language, kind, value))
        _tile(view, "in_flow", language.count(in_flow))
    if totals.empty and not in_flow:
        st.info(language("empty.nothing_open"))
        return
    _list(view, "waiting", int(totals["waiting"].sum()))
    _list(view, "unassigned", int(totals["unassigned"].sum()))
    left, right = st.columns(2)
    with left:
        _ages(view, counts)
    with right:
        _over_time(view)
    for per in ("agent", "channel", "team"):
        _groups(view, per, counts)
    _list(view, "in_flow", int(in_flow))


def _tile(view: View, field: str, value: str) -> None:
    name = view.language(f"column.{field}")
    st.metric(name, value, help=view.language.definition(field), border=True, width=170)


def _list(view: View, name: str, count: int) -> None:
    language = view.language
    heading = language(f"now.{name}")
    st.header(heading)
    st.caption(language(f"now.{name}_note"))
    if not count:
        st.info(language("now.none"))
        return
    condition, order = LISTS[name]
    read = partial(_rows, view, f"where {condition} order by {order}, conversation_id limit $_most")
    frame = read(_most=MOST)
    columns = [
        Column("waiting_since_local", "time"),
        Column("waiting_seconds", "seconds"),
        Column("opened_local", "time"),
        Column("conversation_id", "text"),
        Column("agent_name", "name"),
        Column("channel_id", "text"),
        Column("team_id", "text"),
        Column("conversation_tags", "list"),
        Column("status", "status"),
    ]
    view.show(
        heading,
        frame,
        columns,
        key=f"list-{name}",
        selection_mode="single-row",
        on_select=partial(_selected, view, f"list-{name}", list(frame["conversation_id"])),
    )
    st.caption(language("now.select_row", shown=language.count(len(frame)), count=language.count(count)))


def _rows(view: View, tail: str, **values: object) -> pd.DataFrame:
    return view.queries.present("report_open", view.filters, LOCAL, tail, **values)


def _selected(view: View, key: str, ids: list[str]) -> None:
    for row in st.session_state[key].selection.rows:
        view.to_details(conversation=ids[row])


def _ages(view: View, counts: pd.DataFrame) -> None:
    language = view.language
    name = language("now.by_age")
    st.header(name)
    ages = [language(f"age.{band}") for band in range(1, 7)]
    known = counts[counts["per"] == "age"].set_index("group_id")
    frame = pd.DataFrame(
        {
            "age": ages,
            **{
                field: [int(known[field].get(str(band), 0)) for band in range(1, 7)]
                for field in ("open", "waiting", "unassigned")
            },
        }
    )
    bars = pd.DataFrame(
        {"name": ages, "label": frame["open"].map(language.count), "value": frame["open"], "key": ages}
    )
    chart = charts.bars(language, bars, language("column.open"))
    view.chart(name, chart, frame, [Column("age", "text"), *map(Column, ("open", "waiting", "unassigned"))])


def _over_time(view: View) -> None:
    language = view.language
    name = language("now.over_time")
    st.header(name)
    last = view.known.through
    frame = view.queries.report(
        "report_backlog",
        view.filters,
        "report_date, sum(open)::bigint as open, sum(open_over_1_day)::bigint as open_over_1_day,"
        " sum(open_over_7_days)::bigint as open_over_7_days",
        "group by report_date order by report_date",
        from_date=max(view.known.first, last - timedelta(DAYS - 1)),
        to_date=last,
    )
    if frame.empty:
        st.info(language("empty.no_values"))
        return
    parts = {
        language("now.under_1_day"): frame["open"] - frame["open_over_1_day"],
        language("now.under_7_days"): frame["open_over_1_day"] - frame["open_over_7_days"],
        language("now.over_7_days"): frame["open_over_7_days"],
    }
    points = pd.concat(
        pd.DataFrame({"when": frame["report_date"], "name": part, "value": values})
        for part, values in parts.items()
    )
    points = points.assign(start=points["when"].astype(str), key=points["name"])
    chart = charts.stacked(language, points, list(parts), language("column.open"))
    columns = [Column("report_date", "day"), *map(Column, ("open", "open_over_1_day", "open_over_7_days"))]
    view.chart(name, chart, frame, columns)
    st.caption(language("now.over_time_note", through=language.day(last)))


def _groups(view: View, per: str, counts: pd.DataFrame) -> None:
    language = view.language
    frame = counts[counts["per"] == per]
    if frame.empty or (per != "agent" and frame["group_id"].isna().all()):
        return
    name = language(f"now.by_{per}")
    st.header(name)
    frame = frame.assign(_is_rest=[missing(value) for value in frame["group_id"]]).sort_values(
        ["_is_rest", "open", "group_name"], ascending=[True, False, True]
    )
    which = [*view.account_columns(), Column("group_name", "name", label=per)]
    seconds = [Column("longest_waiting_seconds", "seconds"), Column("waiting_seconds_median", "seconds")]
    view.show(name, frame, [*which, *map(Column, COUNTS), *seconds])
