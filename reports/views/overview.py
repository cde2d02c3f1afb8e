"""The Overview: how many conversations, from where, how fast, how happy.

Belongs here: what the page shows and in which order. Does not: any figure's making.
"""

from datetime import timedelta

import pandas as pd
import streamlit as st

from reports import charts
from reports.tables import Column, mark, missing, select, show, written
from reports.view import View

# Measure, kind, number of cases, and whether more is better ("off": neither).
FIGURES = (
    ("conversations", "count", None, "off"),
    ("messages", "count", None, "off"),
    ("distinct_contacts", "count", None, "off"),
    ("first_response_avg", "seconds", "first_response_n", "inverse"),
    ("first_response_median", "seconds", "first_response_n", "inverse"),
    ("first_response_p90", "seconds", "first_response_n", "inverse"),
    ("reply_median", "seconds", "reply_n", "inverse"),
    ("reply_avg", "seconds", "reply_n", "inverse"),
    ("total_wait_median", "seconds", "total_wait_n", "inverse"),
    ("duration_avg", "seconds", "duration_n", "inverse"),
    ("duration_median", "seconds", "duration_n", "inverse"),
    ("csat_avg", "rating", "csat_n", "normal"),
    ("csat_score", "share", "csat_n", "normal"),
    ("response_rate", "share", "surveys_sent", "normal"),
)


def overview(view: View) -> None:
    """Show the page."""
    figures = view.questions.report("report_overview_compared", view.filters).set_index("measure")
    if not figures.loc[["conversations", "messages", "surveys_sent", "csat_n"], "value"].any():
        view.nothing()
        return
    _figures(view, figures)
    grain = view.choose_grain()
    _by_origin(view, grain)
    _trend(view)
    left, right = st.columns(2)
    with left:
        _heatmap(view)
    with right:
        _ratings(view, figures)
    _table(view, grain)


def _figures(view: View, figures: pd.DataFrame) -> None:
    language, filters = view.language, view.filters
    st.header(language("overview.figures"))
    with st.container(horizontal=True, key="figures"):
        for measure, kind, n, better in FIGURES:
            row = figures.loc[view.timed(measure)]
            change = _change(view, kind, row)
            is_even = change is None or not any(digit in change for digit in "123456789")
            note = mark(language, figures.loc[view.timed(n), "value"] if n else None)
            before = change or (None if missing(row["value"]) else language("overview.nothing_before"))
            st.metric(
                language(f"column.{measure}"),
                written(language, kind, row["value"]),
                delta=" ".join(filter(None, (before, note))) or None,
                delta_color="off" if is_even else better,
                delta_arrow="off" if is_even else "auto",
                border=True,
                width=170,
            )
    st.caption(
        language(
            "overview.compared",
            days=filters.days,
            from_date=language.day(filters.from_date - timedelta(filters.days)),
            to_date=language.day(filters.from_date - timedelta(1)),
        )
    )
    view.notes()


def _change(view: View, kind: str, row: pd.Series) -> str | None:
    language = view.language
    if missing(row["value"]) or missing(row["previous_value"]):
        return None
    if kind == "share":
        return language.points(row["difference"])
    if kind == "rating":
        return language.signed_decimal(row["difference"])
    return language.change(row["change"]) if not missing(row["change"]) else None


def _by_origin(view: View, grain: str) -> None:
    language = view.language
    name = language("overview.by_origin")
    st.header(name)
    frame = view.questions.report(
        "report_origins_over_time", view.filters, tail="order by period_start, origin", grain=grain
    )
    if frame.empty:
        st.info(language("empty.no_values"))
        return
    names = {origin: language.code_name("origin", origin) for origin in sorted(frame["origin"].unique())}
    points = pd.DataFrame(
        {
            "when": frame["period_start"],
            "name": frame["origin"].map(names),
            "value": frame["conversations"],
        }
    )
    columns = [Column("period_start", "day"), Column("origin", "origin"), Column("conversations")]
    chart = charts.stacked(language, points, list(names.values()), language("column.conversations"))
    view.chart(name, chart, frame, columns)


def _trend(view: View) -> None:
    language = view.language
    name = language("overview.trend")
    st.header(name)
    frame = view.questions.report("report_trend", view.filters)
    points = frame.rename(columns={"day": "when", "conversations": "value", "conversations_mean": "mean"})
    labels = language("column.conversations"), language("column.conversations_mean")
    columns = [Column("day", "day"), Column("conversations"), Column("conversations_mean", "decimal")]
    view.chart(name, charts.trend(language, points, *labels), frame, columns)


def _heatmap(view: View) -> None:
    language = view.language
    name = language("overview.heatmap")
    st.header(name)
    frame = view.questions.report("report_heatmap", view.filters)
    points = pd.DataFrame(
        {
            "weekday": frame["iso_weekday"].map(language.weekday),
            "hour": frame["hour"],
            "value": frame["conversations"],
        }
    )
    chart = charts.heatmap(language, points, language("column.hour"), language("column.conversations"))
    columns = [Column("iso_weekday", "weekday"), Column("hour"), Column("conversations")]
    view.chart(name, chart, frame, columns)


def _ratings(view: View, figures: pd.DataFrame) -> None:
    language = view.language
    name = language("overview.csat")
    st.header(name)
    if not figures.loc["csat_n", "value"]:
        st.info(language("empty.no_ratings"))
        return
    rows = [(rating, figures.loc[f"rating_{rating}", "value"]) for rating in range(1, 6)]
    frame = pd.DataFrame(rows, columns=["rating", "answers"])
    points = frame.rename(columns={"rating": "name", "answers": "value"})
    chart = charts.columns(language, points, language("column.rating"), language("column.answers"))
    view.chart(name, chart, frame, [Column("rating"), Column("answers")])


def _table(view: View, grain: str) -> None:
    name = view.language("overview.table", grain=view.language(f"period.{grain}"))
    st.header(name)
    columns = [
        Column("period_start", "day"),
        *map(Column, ("conversations", "distinct_contacts", "messages")),
        view.average("first_response", "median"),
        view.average("first_response"),
        view.average("first_response", "p90"),
        view.average("reply"),
        view.average("duration"),
        view.average("csat", kind="rating"),
        Column("csat_score", "share", "csat_n"),
        Column("response_rate", "share", "surveys_sent"),
    ]
    tail = "order by period_start desc"
    frame = view.questions.report("report_over_time", view.filters, select(columns), tail, grain=grain)
    show(view.language, name, frame, columns)
