"""Parts of the Overview on message times, response times and handling.

Belongs here: the heatmap, the bands of response times, conversations by handling. Does not: the definition of
figures.
"""

from collections.abc import Iterable

import pandas as pd
import streamlit as st

from reports import charts
from reports.filters import one_of
from reports.language import Language
from reports.tables import Column, missing
from reports.view import View

HEAT = {"conversations": "conversations", "messages": "inbound_messages", "replies": "agent_messages"}
BANDS = range(1, 8)
MEASURES = {"first_response": "overview.bands_first_response", "reply": "overview.bands_reply"}
HANDLED = ("agent", "automation", "nobody", None)


def show_heatmap(view: View) -> None:
    """Show the average week by hour for conversations, messages or replies."""
    language = view.language
    name = language("overview.heatmap")
    st.header(name)
    names = {option: language(f"heat.{option}") for option in HEAT}
    option = view.choose(language("overview.count"), one_of("heat", list(HEAT)), names)
    count = HEAT[option]
    frame = view.queries.report("report_heatmap", view.filters)
    points = pd.DataFrame(
        {
            "weekday": frame["iso_weekday"].map(language.weekday),
            "hour": frame["hour"],
            "value": frame[f"{count}_per_day"],
        }
    )
    is_dark = st.context.theme.type == "dark"
    chart = charts.heatmap(language, points, language("column.hour"), names[option], is_dark)
    columns = [
        Column("iso_weekday", "weekday"),
        Column("hour"),
        Column("days", label="days_with_data"),
        Column(count, label=f"heat_{option}"),
        Column(f"{count}_per_day", "decimal", label="per_day"),
    ]
    view.chart(name, chart, frame, columns)
    st.caption(language("overview.heatmap_note"))


def show_response_bands(view: View) -> None:
    """Show the number of first responses and replies in each band of response time."""
    language = view.language
    name = language("overview.bands")
    st.header(name)
    frame = view.queries.report("report_response_bands", view.filters)
    field = "responses_working" if view.is_working_time else "responses"
    counts = frame.pivot_table(index="band", columns="measure", values=field).reindex(BANDS)
    table = pd.DataFrame({"band": [language(f"band.{band}") for band in BANDS]})
    for place, measure in zip(st.columns(2), MEASURES, strict=True):
        values = counts[measure].astype(int).to_list()
        total = sum(values)
        table[f"{measure}_responses"] = values
        table[f"{measure}_share"] = [value / total if total else None for value in values]
        with place:
            heading = language(MEASURES[measure], n=language.count(total))
            if not total:
                st.info(language("empty.no_values"))
                continue
            bars = _bars(language, table["band"], values, table["band"])
            st.altair_chart(charts.bars(language, bars, heading), alt=heading)
    with st.expander(language("download.data", name=name)):
        columns = [Column("band", "text")]
        for measure in MEASURES:
            columns += [Column(f"{measure}_responses"), Column(f"{measure}_share", "share")]
        view.show(name, table, columns)


def show_handled_by(view: View) -> None:
    """Show the conversations handled by agents, by automation, and without an answer."""
    language = view.language
    name = language("overview.handled_by")
    st.header(name)
    frame = view.queries.report("report_handled_by", view.filters)
    known = {
        None if missing(value) else value: number
        for value, number in zip(frame["handled_by"], frame["conversations"], strict=True)
    }
    counts = [int(known.get(value, 0)) for value in HANDLED]
    total = sum(counts)
    if not total:
        st.info(language("empty.no_values"))
        return
    names = [language(f"handled_by.{value or 'unknown'}") for value in HANDLED]
    table = pd.DataFrame(
        {"name": names, "conversations": counts, "share": [value / total for value in counts]}
    )
    bars = _bars(language, names, counts, [value or "unknown" for value in HANDLED])
    chart = charts.bars(language, bars, language("column.conversations"))
    columns = [Column("name", "text", label="handled_by"), Column("conversations"), Column("share", "share")]
    view.chart(name, chart, table, columns, lambda bar: {"handled": [bar["key"]]})


def _bars(language: Language, names: Iterable[str], counts: list[int], keys: Iterable[str]) -> pd.DataFrame:
    """Return the rows of `charts.bars` for counts, each with its share of the total."""
    total = sum(counts)
    labels = [f"{language.count(count)} ({language.share(count / total)})" for count in counts]
    return pd.DataFrame({"name": names, "label": labels, "value": counts, "key": keys})
