"""The Overview: how many conversations, from where, how fast, how happy.

Belongs here: what the page shows and in which order. Does not: any figure's making.
"""

import pandas as pd
import streamlit as st

from orchestration.publish.page.figures import HEADLINES
from reports import charts, tables
from reports.changes import change
from reports.groups import ON_TARGET, RATING, all_measures
from reports.over_time import (
    METRICS,
    coverage_columns,
    days_of,
    metric_over_time,
    note_partial,
    rows_over_time,
    with_coverage,
)
from reports.tables import Column, mark, missing, written
from reports.view import View
from reports.views.responses import show_handled_by, show_heatmap, show_response_bands

# Colours of `st.metric` by whether more is better; None: neither.
COLOURS = {True: "normal", False: "inverse", None: "off"}
# Lists of conversations to which the figures lead, by the filters of the details.
TO_DETAILS = {
    "overview.to_all": {},
    "overview.to_waiting": {"outcome": ["waiting"]},
    "overview.to_unanswered": {"outcome": ["unanswered"]},
    "overview.to_late": {"target": ["missed"]},
    "overview.to_dissatisfied": {"rating": ["1", "2"]},
}
METRIC_CHARTS = {"day": "overview.metric_by_day", "week": "overview.metric_by_week"}


def overview(view: View) -> None:
    """Show the page."""
    figures = view.questions.report("report_overview", view.filters).iloc[0]
    if not figures[["conversations", "messages", "surveys_sent", "csat_n"]].any():
        view.nothing()
        return
    _figures(view, figures)
    grain = view.choose_grain()
    _by_origin(view, grain)
    _trend(view)
    _metrics(view)
    show_heatmap(view)
    show_response_bands(view)
    left, right = st.columns(2)
    with left:
        show_handled_by(view)
    with right:
        _ratings(view, figures)
    _table(view, grain)


def _figures(view: View, figures: pd.Series) -> None:
    language = view.language
    st.header(language("overview.figures"))
    sides = view.both_sides("report_overview")
    now, before = (side.iloc[0] for side in sides) if sides else (None, None)
    with st.container(horizontal=True, key="figures"):
        for headline in HEADLINES:
            measure, kind = headline.measure, headline.kind
            column, cases = view.timed(measure), headline.n and view.timed(headline.n)
            text, colour, moved = None, "off", False
            if sides:
                found = change(
                    language,
                    kind,
                    COLOURS[headline.better],
                    (now[column], before[column]),
                    (now[cases], before[cases]) if cases else None,
                )
                text, colour = found.text, found.colour
                moved = bool(text) and any(digit in text for digit in "123456789")
            note = mark(language, figures[cases] if cases else None)
            st.metric(
                language(f"column.{measure}"),
                written(language, kind, figures[column]),
                delta=" ".join(filter(None, (text, note))) or None,
                delta_color=colour if moved else "off",
                delta_arrow="auto" if moved else "off",
                help=_help(view, measure, figures, cases),
                border=True,
                width=170,
            )
    view.notes()
    with st.container(horizontal=True):
        for name, filters in TO_DETAILS.items():
            st.button(
                language(name),
                on_click=view.to_details,
                kwargs=filters,
                key=tables.slug(name),
                type="tertiary",
                icon=":material/arrow_forward:",
            )


def _help(view: View, measure: str, figures: pd.Series, cases: str | None) -> str | None:
    """Return what a figure means, with the number of cases and, of a median, the average beside it."""
    language = view.language
    parts = [language.definition(measure)]
    if measure.endswith("_median"):
        average = figures[view.timed(measure.replace("_median", "_avg"))]
        ninth = figures[view.timed(measure.replace("_median", "_p90"))]
        if not missing(average):
            values = {"average": language.duration(average), "p90": language.duration(ninth)}
            parts.append(language("overview.average_and_p90", **values))
    if cases and not missing(figures[cases]):
        parts.append(language("overview.cases", n=language.count(figures[cases])))
    return " ".join(filter(None, parts)) or None


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
    frame = with_coverage(view, frame, grain)
    names = {origin: language.code_name("origin", origin) for origin in sorted(frame["origin"].unique())}
    points = pd.DataFrame(
        {
            "when": frame["period_start"],
            "name": frame["origin"].map(names),
            "value": frame["conversations"],
            "partial": frame["partial"],
            "start": frame["period_start"].astype(str),
            "key": frame["origin"],
        }
    )
    columns = [Column("period_start", "day"), Column("origin", "origin"), Column("conversations")]
    chart = charts.stacked(language, points, list(names.values()), language("column.conversations"))
    view.chart(
        name,
        chart,
        frame,
        [*columns, *coverage_columns(frame)],
        lambda bar: {"origins": [bar["key"]], **days_of(view, bar["start"], grain)},
    )
    note_partial(view, frame)
    st.caption(language("overview.click"))


def _trend(view: View) -> None:
    language = view.language
    name = language("overview.trend")
    st.header(name)
    frame = view.questions.report("report_trend", view.filters)
    points = frame.rename(columns={"day": "when", "conversations": "value", "conversations_mean": "mean"})
    labels = language("column.conversations"), language("column.conversations_mean")
    columns = [Column("day", "day"), Column("conversations"), Column("conversations_mean", "decimal")]
    view.chart(name, charts.trend(language, points, *labels), frame, columns)
    if frame["conversations_mean"].isna().any():
        st.caption(language("overview.mean_unknown"))


def _metrics(view: View) -> None:
    """Show the chart metrics by day and by week, side by side."""
    language = view.language
    st.header(language("overview.metrics"))
    metric = view.choose_metric("metric", list(METRICS))
    for place, (grain, name) in zip(st.columns(2), METRIC_CHARTS.items(), strict=True):
        with place:
            metric_over_time(view, language(name), grain, metric)


def _ratings(view: View, figures: pd.Series) -> None:
    language = view.language
    name = language("overview.csat")
    st.header(name)
    if not figures["csat_n"]:
        st.info(language("empty.no_ratings"))
        return
    rows = [(rating, figures[f"rating_{rating}"]) for rating in range(1, 6)]
    frame = pd.DataFrame(rows, columns=["rating", "answers"])
    points = frame.rename(columns={"rating": "name", "answers": "value"})
    chart = charts.columns(language, points, language("column.rating"), language("column.answers"))
    view.chart(name, chart, frame, [Column("rating"), Column("answers")])


def _table(view: View, grain: str) -> None:
    name = view.language("overview.table", grain=view.language(f"grains.{grain}"))
    st.header(name)
    first = Column("period_start", "day")
    counts = [Column(count) for count in ("conversations", "distinct_contacts", "messages")]
    medians = [view.median(measure) for measure in ("first_response", "reply", "duration")]
    columns = [*counts, *medians, ON_TARGET, RATING, Column("csat_score", "share", "csat_n")]
    more = [*all_measures(view), Column("response_rate", "share", "surveys_sent")]
    frame = rows_over_time(view, grain).iloc[::-1]
    start = [first, *coverage_columns(frame)]
    view.show(name, frame, [*start, *columns], file_columns=[*start, *more])
    note_partial(view, frame)
