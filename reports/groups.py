"""Figures by agent, tag, channel or team: a table with changes, bars, and lines over time.

Belongs here: parts that these pages share. Does not: the pages (see `views`), nor the definition of figures.
"""

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from reports import charts
from reports.language import Language
from reports.over_time import BAR_METRICS, METRICS, groups_over_time, scaled
from reports.tables import Column, missing, show, written
from reports.view import View

# Columns for which the table shows the change from the previous period.
CHANGES = {
    "conversations": "count",
    "first_response_median": "seconds",
    "reply_median": "seconds",
    "csat_avg": "rating",
}
ON_TARGET = Column(
    "first_response_on_target_rate", "share", "first_response_on_target_n", label="on_target_short"
)
RATING = Column("csat_avg", "rating", "csat_n", label="rating_short")
CHANGE_KINDS = {"count": "change", "seconds": "change", "rating": "signed_decimal"}


@dataclass(frozen=True)
class Group:
    """A grouping of conversations.

    - `per`: name of the grouping
    - `field`: column with the names of the groups
    - `id_field`: column with the values of the filter `filter_name`
    - `rest`: name of the conversations without a group, which are last
    """

    per: str
    field: str
    id_field: str
    filter_name: str
    rest: str

    @property
    def macro(self) -> str:
        """The macro with the figures."""
        return f"report_by_{self.per}"


AGENTS = Group("agent", "agent_name", "agent_id", "agents", "Unassigned")
TAGS = Group("tag", "tag", "tag", "conversation_tags", "Untagged")
CHANNELS = Group("channel", "group_name", "channel_id", "channels", "No channel")
TEAMS = Group("team", "group_name", "team_id", "teams", "No team")


def group_rows(view: View, group: Group) -> pd.DataFrame:
    """Return a row with figures and changes for each group, by number of conversations, the rest last."""
    keys = list(dict.fromkeys(["account_id", group.id_field]))
    kinds = {view.timed(column): kind for column, kind in CHANGES.items()}
    frame = view.rows_compared(group.macro, [Column(group.field), *all_measures(view)], keys, kinds)
    is_rest = frame[group.field] == group.rest
    return (
        frame.assign(_is_rest=is_rest)
        .sort_values(["_is_rest", "conversations", group.field], ascending=[True, False, True], kind="stable")
        .drop(columns="_is_rest")
        .reset_index(drop=True)
    )


def main_measures(view: View) -> list[Column]:
    """Return the columns of the table, which fit on a screen of 1400 pixels."""
    found = [Column("conversations"), _change(view, "conversations")]
    for measure in ("first_response", "reply"):
        found += [view.median(measure), _change(view, f"{measure}_median")]
    return [
        *found,
        ON_TARGET,
        RATING,
        _change(view, "csat_avg"),
        Column("csat_n", label="answers"),
    ]


def _change(view: View, column: str) -> Column:
    timed = view.timed(column)
    return Column(f"{timed}_change", CHANGE_KINDS[CHANGES[column]], label=f"{column}_change")


def all_measures(view: View) -> list[Column]:
    """Return the columns of all measures."""
    counts = ("conversations", "distinct_contacts", "messages", "closed", "one_touch", "windows_expired")
    timed = [
        view.average(measure, statistic)
        for measure in ("first_response", "reply", "duration")
        for statistic in ("median", "avg")
    ]
    targets = [
        Column(f"{measure}_on_target_rate", "share", f"{measure}_on_target_n")
        for measure in ("first_response", "reply", "duration")
    ]
    return [
        *map(Column, counts),
        *timed,
        *targets,
        Column("csat_avg", "rating", "csat_n"),
        Column("csat_score", "share", "csat_n"),
    ]


def file_measures(view: View) -> list[Column]:
    """Return the columns of downloads: all measures, then the changes with the previous values."""
    changes = []
    for column, kind in CHANGES.items():
        timed = view.timed(column)
        changes += [Column(f"{timed}_was", kind, label=f"{column}_was"), _change(view, column)]
    return [*all_measures(view), *changes]


def group_table(view: View, group: Group, name: str, frame: pd.DataFrame) -> None:
    """Show the table. Selecting a row opens its conversations."""
    language = view.language
    which = [*view.account_columns(), Column(group.field, "name")]
    is_whole = st.toggle(language("agents.all_columns"), key=f"all-{group.per}")
    columns = file_measures(view) if is_whole else main_measures(view)
    if view.compared_days is None:
        frame = frame.assign(**{f"{view.timed(column)}_was": None for column in CHANGES})
    key = f"table-{group.per}"
    show(
        language,
        name,
        frame,
        [*which, *columns],
        stem=view.stem,
        file_columns=[*which, *file_measures(view)],
        key=key,
        selection_mode="single-row",
        on_select=lambda: _selected(view, group, frame, key),
    )
    st.caption(language("agents.select_row"))


def _selected(view: View, group: Group, frame: pd.DataFrame, key: str) -> None:
    for row in st.session_state[key].selection.rows:
        view.to_details(**_pick(group, frame.iloc[row]))


def _pick(group: Group, row: pd.Series) -> dict[str, object]:
    value = row[group.id_field]
    if not missing(value):
        return {group.filter_name: [value]}
    # The filter has no value for conversations without a channel or team.
    return {group.filter_name: [group.rest]} if group in (AGENTS, TAGS) else {}


def group_bars(view: View, group: Group, name: str, frame: pd.DataFrame) -> None:
    """Show a metric as a bar for each group, with its value and number of values."""
    metric = view.choose_metric("bars", list(BAR_METRICS))
    field, n, kind = BAR_METRICS[metric]
    column = view.column(field, kind, n)
    numbers, axis = scaled(view, frame[column.field], metric, kind)
    bars = pd.DataFrame(
        {
            "name": view.names(frame, group.field),
            "label": [bar_label(view.language, column, row) for _, row in frame.iterrows()],
            "value": numbers,
            "key": frame.index,
        }
    ).dropna(subset=["value"])
    if bars.empty:
        st.info(view.language("empty.no_values"))
        return
    which = [*view.account_columns(), Column(group.field, "name")]
    chart = charts.bars(view.language, bars, axis)
    view.chart(name, chart, frame, [*which, column], lambda bar: _pick(group, frame.loc[bar["key"]]))


def bar_label(language: Language, column: Column, row: pd.Series) -> str:
    """Return the label of a bar: its value and, for an average, its number of values."""
    value = written(language, column.kind, row[column.field])
    if column.n is None or missing(row[column.n]):
        return value
    return f"{value} (n = {language.count(row[column.n])})"


def group_lines(view: View, group: Group, name: str) -> None:
    """Show a metric over time for the groups with the most conversations."""
    metric = view.choose_metric("metric", list(METRICS))
    groups_over_time(view, name, group.per, view.choose_grain(), metric)
