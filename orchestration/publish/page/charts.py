"""Charts as SVG, drawn without a browser or the network.

Belongs here: the style of charts, for print and for light and dark backgrounds. Does not: the figures (see
`previews` and `report`).

Every function takes a data frame with the values to draw, and returns the text of an `<svg>` element without
external resources. `width` is in pixels.
"""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

from orchestration.common.sql import printable

if TYPE_CHECKING:
    import altair
    import pandas

# Mid tones, readable on white and on black.
TEXT, LINE, BAR = "#7a7a7a", "#7a7a7a40", "#4c8fd0"
PALETTE = ["#4c8fd0", "#e0913a", "#4aa88a", "#b07cc6"]
ORIGINS = ["inbound", "flow", "inbox", "other"]
WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
DAY = "%-d %b"


def bars_by_day(rows: pandas.DataFrame, width: int, kinds: list[str], is_legend_shown: bool = True) -> str:
    """Draw a stacked bar per day for rows of (day, kind, number), with the kinds in the given order.

    Without the legend, dates are numeric, so that the chart contains no words. Days must be datetimes: texts
    would be parsed as UTC and drawn in the time zone of this machine.
    """
    import altair as alt

    order = alt.Scale(domain=kinds, range=PALETTE)
    days = alt.Axis(
        format=DAY if is_legend_shown else "%-d/%-m", labelOverlap=True, labelSeparation=6, grid=False
    )
    legend = alt.Legend(orient="top") if is_legend_shown else None
    chart = (
        alt.Chart(rows)
        .mark_bar()
        .encode(
            x=alt.X("yearmonthdate(day):T", axis=days),
            y=alt.Y("number:Q", axis=alt.Axis(tickMinStep=1)),
            color=alt.Color("kind:N", scale=order, legend=legend),
            order=alt.Order("place:Q"),
        )
        .transform_calculate(place=f"indexof({kinds!r}, datum.kind)")
    )
    return _svg(chart, width, 200)


def bars(rows: pandas.DataFrame, width: int) -> str:
    """Draw a horizontal bar for each row of (name, number), with the number at its end."""
    import altair as alt

    # The renderer aborts the process at a character that is invalid in an SVG.
    rows = rows.assign(name=rows["name"].map(printable))
    base = alt.Chart(rows).encode(
        y=alt.Y("name:N", sort=None, axis=alt.Axis(labelLimit=160, domain=False, ticks=False)),
        x=alt.X("number:Q", axis=None),
    )
    ends = base.mark_text(align="left", dx=4, color=TEXT).encode(text=alt.Text("number:Q", format=","))
    return _svg(base.mark_bar(color=BAR) + ends, width, max(1, len(rows)) * 24)


def columns(rows: pandas.DataFrame, width: int) -> str:
    """Draw a column for each row of (name, number), with the number on top."""
    import altair as alt

    base = alt.Chart(rows).encode(
        x=alt.X("name:N", sort=None, axis=alt.Axis(labelAngle=0, ticks=False)),
        y=alt.Y("number:Q", axis=None),
    )
    tops = base.mark_text(baseline="bottom", dy=-3, color=TEXT).encode(text=alt.Text("number:Q", format=","))
    return _svg(base.mark_bar(color=BAR) + tops, width, 150)


def week(rows: pandas.DataFrame, width: int) -> str:
    """Draw a heatmap of the hours of a week for rows of (iso_weekday, hour, number)."""
    import altair as alt

    named = rows.assign(weekday=[WEEKDAYS[day - 1] for day in rows["iso_weekday"]])
    chart = (
        alt.Chart(named)
        .mark_rect()
        .encode(
            x=alt.X("hour:O", scale=alt.Scale(domain=list(range(24))), axis=alt.Axis(labelAngle=0)),
            y=alt.Y("weekday:O", sort=WEEKDAYS, scale=alt.Scale(domain=WEEKDAYS)),
            opacity=alt.Opacity("number:Q", scale=alt.Scale(range=[0.08, 1]), legend=None),
            color=alt.value(BAR),
        )
    )
    return _svg(chart, width, 150)


def _svg(chart: altair.Chart, width: int, height: int) -> str:
    styled = (
        chart.properties(
            width=width, height=height, autosize={"type": "fit", "contains": "padding"}, padding=4
        )
        .configure(background="transparent", font="sans-serif", aria=False)
        .configure_view(stroke=None)
        .configure_axis(title=None, labelColor=TEXT, domainColor=LINE, tickColor=LINE, gridColor=LINE)
        .configure_legend(title=None, labelColor=TEXT)
    )
    text = StringIO()
    styled.save(text, format="svg")
    return text.getvalue()
