"""By agent: who handled how much, how fast, how well, and what is in whose inbox.

Belongs here: what the page shows and in which order. Does not: any figure's making.
"""

import streamlit as st

from reports.tables import Column, select, show
from reports.view import BAR_METRICS, METRICS, View


def by_agent(view: View) -> None:
    """Show the page."""
    language = view.language
    columns = [Column("agent_name", "name"), *measures(view)]
    frame = view.questions.report(
        "report_by_agent",
        view.filters,
        select(columns, more=["account_id"]),
        "order by conversations desc, agent_name",
    )
    if frame.empty:
        view.nothing()
        return
    who = [*view.account_columns(), Column("agent_name", "name")]
    st.header(language("agents.table"))
    st.caption(language("agents.messages_note"))
    show(language, language("agents.table"), frame, [*who, *measures(view)])
    view.notes()

    st.header(language("agents.bars"))
    view.bars(
        language("agents.bars"), frame, "agent_name", view.choose_metric("bars", list(BAR_METRICS)), who
    )

    st.header(language("agents.over_time"))
    metric = view.choose_metric("metric", list(METRICS))
    view.over_time(language("agents.over_time"), "agent", view.choose_grain(), metric)

    st.header(language("agents.inbox"))
    st.caption(language("agents.inbox_note"))
    inbox = view.questions.report("report_inbox", view.filters, tail="order by open desc, agent_name")
    counts = ("conversations", "open", "new", "in_progress", "in_flow", "not_contacted", "closed")
    show(language, language("agents.inbox"), inbox, [*who, *map(Column, counts)])


def measures(view: View) -> list[Column]:
    """Return the columns of measures that agents and tags have alike."""
    return [
        *map(
            Column,
            ("conversations", "distinct_contacts", "messages", "closed", "one_touch", "windows_expired"),
        ),
        view.average("first_response", "median"),
        view.average("first_response"),
        view.average("reply", "median"),
        view.average("reply"),
        view.average("duration", "median"),
        view.average("duration"),
        view.average("csat", kind="rating"),
        Column("csat_score", "share", "csat_n"),
    ]
