"""The page By channel and team: figures of each channel and each team.

Belongs here: the parts of the page and their order. Does not: the definition of figures.
"""

import streamlit as st

from reports.filters import one_of
from reports.groups import CHANNELS, TEAMS, group_bars, group_lines, group_rows, group_table
from reports.view import View

GROUPS = {group.per: group for group in (CHANNELS, TEAMS)}


def by_place(view: View) -> None:
    """Show the page."""
    language = view.language
    frames = {name: group_rows(view, group) for name, group in GROUPS.items()}
    if all(frame.empty for frame in frames.values()):
        view.nothing()
        return
    for name, frame in frames.items():
        st.header(language(f"places.{name}s"))
        group_table(view, GROUPS[name], language(f"places.{name}s"), frame)
    view.notes()
    names = {name: language(f"places.{name}") for name in GROUPS}
    per = view.choose(language("filter.grain"), one_of("per", list(GROUPS)), names)
    st.header(language("agents.bars_of", name=names[per]))
    group_bars(view, GROUPS[per], language("agents.bars_of", name=names[per]), frames[per])
    st.header(language("agents.over_time"))
    group_lines(view, GROUPS[per], language("agents.over_time"))
