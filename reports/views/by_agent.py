"""The page By agent: volume, speed and satisfaction of each agent, and the inbox summary.

Belongs here: the parts of the page and their order. Does not: the definition of figures.
"""

import streamlit as st

from reports.groups import AGENTS, group_bars, group_lines, group_rows, group_table
from reports.tables import Column
from reports.view import View


def by_agent(view: View) -> None:
    """Show the page."""
    language = view.language
    frame = group_rows(view, AGENTS)
    if frame.empty:
        view.nothing()
    else:
        st.header(language("agents.table"))
        st.caption(language("agents.messages_note"))
        group_table(view, AGENTS, language("agents.table"), frame)
        view.notes()
        st.header(language("agents.bars"))
        group_bars(view, AGENTS, language("agents.bars"), frame)
        st.header(language("agents.over_time"))
        group_lines(view, AGENTS, language("agents.over_time"))
    _inbox(view)


def _inbox(view: View) -> None:
    language = view.language
    st.header(language("agents.inbox"))
    st.caption(language("agents.inbox_note"))
    tail = "order by agent_id is null, open desc, agent_name"
    inbox = view.queries.report("report_inbox", view.filters, tail=tail)
    who = [*view.account_columns(), Column("agent_name", "name")]
    counts = ("open", "new", "in_progress", "in_flow", "not_contacted", "waiting")
    started = [Column("conversations", label="started_in_period"), Column("closed", label="closed_of_these")]
    view.show(language("agents.inbox"), inbox, [*who, *map(Column, counts), *started])
