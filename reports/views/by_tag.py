"""By tag: why people write, and which reasons rise or fall.

Belongs here: what the page shows and in which order. Does not: any figure's making.
"""

import streamlit as st

from reports.tables import Column, select, show
from reports.view import BAR_METRICS, METRICS, View
from reports.views.by_agent import measures


def by_tag(view: View) -> None:
    """Show the page."""
    language = view.language
    columns = [Column("tag", "name"), *measures(view)]
    frame = view.questions.report(
        "report_by_tag",
        view.filters,
        select(columns, more=["account_id"]),
        "order by conversations desc, tag",
    )
    if frame.empty:
        view.nothing()
        return
    which = [*view.account_columns(), Column("tag", "name")]
    st.header(language("tags.table"))
    st.caption(language("tags.overlap_note"))
    show(language, language("tags.table"), frame, [*which, *measures(view)])
    view.notes()

    st.header(language("tags.changes"))
    changes = view.questions.report(
        "report_by_tag_compared", view.filters, tail="order by difference desc, tag"
    )
    compared = [
        Column("conversations"),
        Column("previous_conversations"),
        Column("difference", "signed"),
        Column("change", "change", "previous_conversations"),
    ]
    show(language, language("tags.changes"), changes, [*which, *compared])

    st.header(language("tags.bars"))
    view.bars(language("tags.bars"), frame, "tag", view.choose_metric("bars", list(BAR_METRICS)), which)

    st.header(language("tags.over_time"))
    metric = view.choose_metric("metric", list(METRICS))
    view.over_time(language("tags.over_time"), "tag", view.choose_grain(), metric)
