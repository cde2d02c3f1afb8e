"""Metrics over time, as charts and tables, with the days, weeks and months that have data of a part only.

Belongs here: what pages show of a metric by day, week or month. Does not: any figure's making.
"""

import pandas as pd
import streamlit as st

from reports import charts
from reports.period import covered_days, whole_period
from reports.tables import Column, select
from reports.view import View

# The chart metrics: name in the catalogue, column, number of cases, kind.
METRICS = {
    "conversations": ("conversations", None, "count"),
    "distinct_contacts": ("distinct_contacts", None, "count"),
    "duration": ("duration_median", "duration_n", "seconds"),
    "first_response": ("first_response_median", "first_response_n", "seconds"),
    "csat": ("csat_avg", "csat_n", "rating"),
    "duration_avg": ("duration_avg", "duration_n", "seconds"),
    "first_response_avg": ("first_response_avg", "first_response_n", "seconds"),
}
BAR_METRICS = METRICS | {
    "messages": ("messages", None, "count"),
    "reply": ("reply_median", "reply_n", "seconds"),
    "one_touch": ("one_touch", None, "count"),
    "first_response_on_target": ("first_response_on_target_rate", "first_response_on_target_n", "share"),
}


def with_coverage(view: View, frame: pd.DataFrame, grain: str) -> pd.DataFrame:
    """Return the rows with `partial` and, as text, `covered`: the days with data of those it has."""
    days = [
        covered_days(pd.Timestamp(start).date(), grain, view.period, view.known)
        for start in frame["period_start"]
    ]
    texts = [
        view.language("note.covered", days=known, all_days=whole) if known < whole else ""
        for known, whole in days
    ]
    return frame.assign(covered=texts, partial=[known < whole for known, whole in days])


def coverage_columns(frame: pd.DataFrame) -> list[Column]:
    """Return the column of the days with data, if some row has data of a part only."""
    return [Column("covered", "text")] if frame["partial"].any() else []


def note_partial(view: View, frame: pd.DataFrame) -> None:
    """Say what the mark of a part means, if it is shown."""
    if frame["partial"].any():
        st.caption(view.language("note.partial"))


def days_of(view: View, start: str, grain: str) -> dict[str, object]:
    """Return the filters of the period for a day, week or month that was clicked."""
    first, last = whole_period(pd.Timestamp(start).date(), grain)
    return {"from": max(first, view.filters.from_date), "to": min(last, view.filters.to_date)}


def rows_over_time(view: View, grain: str) -> pd.DataFrame:
    """Return every measure of all conversations by day, week or month, with its coverage.

    All charts and tables of a page share this query, so that another metric is shown without a new one.
    """
    frame = view.questions.report("report_over_time", view.filters, tail="order by period_start", grain=grain)
    return with_coverage(view, frame, grain)


def metric_over_time(view: View, name: str, grain: str, metric: str) -> pd.DataFrame:
    """Show one of the chart metrics of all conversations as a line; return its rows."""
    field, n, kind = METRICS[metric]
    columns = [Column("period_start", "day"), view.column(field, kind, n)]
    frame = rows_over_time(view, grain)
    values, axis = scaled(view, frame[view.timed(field)], metric, kind)
    points = pd.DataFrame(
        {"when": frame["period_start"], "name": axis, "value": values, "partial": frame["partial"]}
    )
    chart = charts.lines(view.language, points, [axis], axis)
    view.chart(name, chart, frame, [*columns, *coverage_columns(frame)], is_open=True)
    note_partial(view, frame)
    return frame


def groups_over_time(view: View, name: str, per: str, grain: str, metric: str) -> None:
    """Show one of the chart metrics as a line for each of the most frequent agents, tags and so on."""
    field, n, kind = METRICS[metric]
    columns = [Column("period_start", "day"), *view.account_columns(), Column("group_name", "name")]
    values = [Column("conversations"), view.column(field, kind, n)]
    frame = view.questions.report(
        "report_over_time",
        view.filters,
        select(columns, values, more=["account_id"]),
        "order by period_start, group_id",
        grain=grain,
        per=per,
    )
    frame = with_coverage(view, frame, grain)
    frame["group_name"] = view.names(frame, "group_name")
    totals = frame.groupby("group_name")["conversations"].sum().sort_values(ascending=False)
    top = list(totals[totals > 0].index[: charts.SERIES])
    if not top:
        st.info(view.language("empty.no_values"))
        return
    lines = frame[frame["group_name"].isin(top)]
    numbers, axis = scaled(view, lines[view.timed(field)], metric, kind)
    points = pd.DataFrame(
        {
            "when": lines["period_start"],
            "name": lines["group_name"],
            "value": numbers,
            "partial": lines["partial"],
        }
    )
    shown = [*columns, view.column(field, kind, n), *coverage_columns(frame)]
    view.chart(name, charts.lines(view.language, points, top, axis), frame, shown)
    if len(totals[totals > 0]) > len(top):
        st.caption(view.language("agents.top", number=len(top)))
    note_partial(view, frame)


def scaled(view: View, values: pd.Series, metric: str, kind: str) -> tuple[pd.Series, str]:
    """Return the values in the unit that suits them, and the name of the axis."""
    name = view.language(f"metric.{metric}")
    if kind == "share":
        return values * 100, f"{name} (%)"
    if kind != "seconds":
        return values, name
    numbers, unit = charts.in_units(view.language, values)
    return numbers, f"{name} ({unit})"
