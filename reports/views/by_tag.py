"""The page By tag: conversations by reason, and tags that rise or fall.

Belongs here: the parts of the page and their order. Does not: the definition of figures.
"""

import streamlit as st

from reports.groups import TAGS, group_bars, group_lines, group_rows, group_table
from reports.tables import Column
from reports.view import View


def by_tag(view: View) -> None:
    """Show the page."""
    language = view.language
    frame = group_rows(view, TAGS)
    if frame.empty:
        view.nothing()
        return
    st.header(language("tags.table"))
    st.caption(language("tags.overlap_note"))
    group_table(view, TAGS, language("tags.table"), frame)
    view.notes()
    _rising(view)
    st.header(language("tags.bars"))
    group_bars(view, TAGS, language("tags.bars"), frame)
    st.header(language("tags.over_time"))
    group_lines(view, TAGS, language("tags.over_time"))


def _rising(view: View) -> None:
    """Show the tags by the change of their conversations, on the compared days."""
    keys = ["account_id", "tag"]
    sides = view.both_sides("report_by_tag", [*keys, "conversations"])
    if sides is None:
        return
    language = view.language
    name = language("tags.changes")
    st.header(name)
    frame = (
        sides[0]
        .merge(sides[1], on=keys, how="outer", suffixes=("", "_was"))
        .fillna({"conversations": 0, "conversations_was": 0})
    )
    frame["difference"] = frame["conversations"] - frame["conversations_was"]
    frame["change"] = frame["difference"] / frame["conversations_was"].replace(0, float("nan"))
    columns = [
        *view.account_columns(),
        Column("tag", "name"),
        Column("conversations"),
        Column("conversations_was", label="previous_conversations"),
        Column("difference", "signed"),
        Column("change", "change", "conversations_was"),
    ]
    view.show(name, frame.sort_values(["difference", "tag"], ascending=[False, True]), columns)
