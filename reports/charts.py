"""The charts of the report pages, in colors for color-blind users.

Belongs here: Altair specifications. Does not: figures, which come from the macros, nor texts.

A frame over time can have a column `partial`, true for a day, week or month with incomplete data. A clicked
bar returns its `key`, and over time also its `start`.

Colors that depend on the light or dark mode are in the theme (`.streamlit/config.toml`). The colors here are
the palette of Okabe and Ito, ordered so that adjacent colors also differ in lightness.
"""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from reports.language import Language

PALETTE = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"]
SERIES = len(PALETTE)
HEIGHT = 340
UNITS = (("days", 2 * 86400), ("hours", 2 * 3600), ("minutes", 0))
SECONDS = {"days": 86400, "hours": 3600, "minutes": 60}


def in_units(language: Language, seconds: pd.Series) -> tuple[pd.Series, str]:
    """Return durations in the largest suitable unit, and its name."""
    longest = seconds.max() if seconds.notna().any() else 0
    unit = next(unit for unit, least in UNITS if longest >= least)
    return seconds / SECONDS[unit], language(f"unit.{unit}")


def stacked(language: Language, frame: pd.DataFrame, names: Sequence[str], y: str) -> alt.Chart:
    """Return stacked bars over time. Columns: `when`, `name`, `value`, `start` and `key`."""
    frame = _dated(language, frame)
    return _dressed(
        language,
        alt.Chart(frame)
        .mark_bar()
        .encode(
            x=_time(frame),
            y=alt.Y("value:Q", title=y, stack=True),
            color=_colours(names),
            tooltip=_tooltip(language, y, "name"),
        )
        .add_params(_pick("start", "key")),
    )


def lines(language: Language, frame: pd.DataFrame, names: Sequence[str], y: str) -> alt.Chart:
    """Return a line over time for each name, by color and shape. Columns: `when`, `name`, `value`."""
    frame = _dated(language, frame)
    return _dressed(
        language,
        alt.Chart(frame.dropna(subset=["value"]))
        .mark_line(point=alt.OverlayMarkDef(size=45))
        .encode(
            x=_time(frame),
            y=alt.Y("value:Q", title=y),
            color=_colours(names),
            shape=alt.Shape("name:N", title=None, sort=list(names), scale=alt.Scale(domain=list(names))),
            tooltip=_tooltip(language, y, "name"),
        ),
    )


def trend(language: Language, frame: pd.DataFrame, y: str, mean: str) -> alt.Chart:
    """Return bars by day and a line of their mean. Columns: `when`, `value`, `mean`."""
    names = [y, mean]
    frame = _dated(language, frame).assign(bars=y, line=mean)
    base = alt.Chart(frame).encode(x=_time(frame))
    scale = alt.Scale(domain=names, range=["#56B4E9", "#D55E00"])
    bars = base.mark_bar().encode(
        y=alt.Y("value:Q", title=y),
        color=alt.Color("bars:N", title=None, scale=scale),
        tooltip=_tooltip(language, y),
    )
    line = (
        base.transform_filter("isValid(datum.mean)")
        .mark_line(strokeWidth=3)
        .encode(
            y=alt.Y("mean:Q"),
            color=alt.Color("line:N", title=None, scale=scale),
            tooltip=[_tooltip(language, y)[0], alt.Tooltip("mean:Q", title=mean, format=",.1f")],
        )
    )
    return _dressed(language, bars + line)


def bars(language: Language, frame: pd.DataFrame, x: str) -> alt.Chart:
    """Return a bar for each row, in order. Columns: `name`, `label` (the value as text), `value`, `key`."""
    # The value is below the name, because a text next to the bar would be a layer that cannot be clicked.
    frame = frame.assign(axis=frame["name"].str.replace("\n", " ") + "\n" + frame["label"])
    return _dressed(
        language,
        alt.Chart(frame)
        .mark_bar(color=PALETTE[0])
        .encode(
            x=alt.X("value:Q", title=x),
            y=alt.Y(
                "axis:N",
                title=None,
                sort=None,
                axis=alt.Axis(labelLimit=170, labelOverlap=False, labelExpr="split(datum.label, '\\n')"),
            ),
            tooltip=[alt.Tooltip("name:N", title=" "), alt.Tooltip("label:N", title=x)],
        )
        .add_params(_pick("key")),
        height=60 + 38 * len(frame),
    )


def heatmap(language: Language, frame: pd.DataFrame, hour: str, value: str, is_dark: bool) -> alt.Chart:
    """Return a heatmap of weekday and hour. Columns: `weekday` (name, Monday first), `hour`, `value`."""
    hue = ["#15222C", "#8CCBF2"] if is_dark else ["#EFF5FA", "#08519C"]
    return _dressed(
        language,
        alt.Chart(frame)
        .mark_rect()
        .encode(
            x=alt.X("hour:O", title=hour, axis=alt.Axis(labelAngle=0, labelOverlap=True)),
            y=alt.Y(
                "weekday:O",
                title=None,
                sort=list(dict.fromkeys(frame["weekday"])),
                axis=alt.Axis(labelOverlap=False),
            ),
            color=alt.Color("value:Q", title=value, scale=alt.Scale(range=hue)),
            tooltip=[
                alt.Tooltip("weekday:O", title=" "),
                alt.Tooltip("hour:O", title=hour),
                alt.Tooltip("value:Q", title=value, format=",.2~f"),
            ],
        ),
        height=300,
    )


def columns(language: Language, frame: pd.DataFrame, x: str, y: str) -> alt.Chart:
    """Return a column for each row, in order. Columns: `name`, `value`."""
    return _dressed(
        language,
        alt.Chart(frame)
        .mark_bar(color=PALETTE[0])
        .encode(
            x=alt.X("name:O", title=x, sort=None, axis=alt.Axis(labelAngle=0)),
            y=alt.Y("value:Q", title=y, axis=alt.Axis(tickMinStep=1)),
            tooltip=[alt.Tooltip("name:O", title=x), alt.Tooltip("value:Q", title=y, format=",")],
        ),
        height=300,
    )


def _dated(language: Language, frame: pd.DataFrame) -> pd.DataFrame:
    # Days are texts, because the browser would convert timestamps to its time zone.
    days = [language.short_day(day) for day in frame["when"]]
    if "partial" in frame:
        days = [f"{day} *" if partial else day for day, partial in zip(days, frame["partial"], strict=True)]
    return frame.assign(day=days)


def _pick(*fields: str) -> alt.Parameter:
    return alt.selection_point(name="pick", fields=list(fields))


def _time(frame: pd.DataFrame) -> alt.X:
    days = list(frame.sort_values("when")["day"].unique())
    return alt.X(
        "day:O",
        title=None,
        sort=days,
        axis=alt.Axis(labelAngle=-40, labelOverlap=True),
        scale=alt.Scale(domain=days),
    )


def _colours(names: Sequence[str]) -> alt.Color:
    return alt.Color(
        "name:N",
        title=None,
        sort=list(names),
        scale=alt.Scale(domain=list(names), range=PALETTE[: len(names)]),
    )


def _tooltip(language: Language, value: str, *names: str) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("day:O", title=language("column.day")),
        *(alt.Tooltip(f"{name}:N", title=" ") for name in names),
        alt.Tooltip("value:Q", title=value, format=",.2~f"),
    ]


def _dressed(language: Language, chart: alt.Chart, height: int = HEIGHT) -> alt.Chart:
    return chart.properties(height=height).configure(
        locale={"number": language.chart_numbers()},
        legend=alt.LegendConfig(
            orient="top", direction="horizontal", columns=2, labelLimit=130, titleLimit=200
        ),
        axis=alt.AxisConfig(labelFontSize=12, titleFontSize=12),
    )
