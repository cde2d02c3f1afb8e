"""What every page is given: the language, the release's answers, the filters.

Belongs here: what several pages show alike. Does not: any one page.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import altair as alt
import pandas as pd
import streamlit as st

from orchestration.publish.page.report import FEW
from reports import charts, tables
from reports.filters import Address, Entry, Filters, one_of, touched
from reports.language import Language
from reports.release import Questions
from reports.tables import Column, select

GRAINS = ("day", "week", "month")
# The chart metrics: name in the catalogue, column, number of cases, kind.
METRICS = {
    "conversations": ("conversations", None, "count"),
    "distinct_contacts": ("distinct_contacts", None, "count"),
    "duration": ("duration_avg", "duration_n", "seconds"),
    "first_response": ("first_response_avg", "first_response_n", "seconds"),
    "csat": ("csat_avg", "csat_n", "rating"),
}
BAR_METRICS = METRICS | {
    "messages": ("messages", None, "count"),
    "reply": ("reply_avg", "reply_n", "seconds"),
    "one_touch": ("one_touch", None, "count"),
}
TIMED = ("duration", "first_response", "reply", "total_wait")


@dataclass(frozen=True)
class View:
    """One look at a release: who asks, in which language, under which filters."""

    language: Language
    questions: Questions
    filters: Filters
    address: Address
    is_working_time: bool
    first_day: date
    last_day: date

    def timed(self, column: str) -> str:
        """Return the column's name, or that of its pair in working time if that is asked for."""
        measure = next((name for name in TIMED if column.startswith(f"{name}_")), None)
        if not self.is_working_time or measure is None:
            return column
        return f"{measure}_working{column.removeprefix(measure)}"

    def column(self, field: str, kind: str = "count", n: str | None = None) -> Column:
        """Return a table's column under the heading of its calendar time pair."""
        return Column(self.timed(field), kind, n and self.timed(n), label=field)

    def average(self, measure: str, statistic: str = "avg", kind: str = "seconds") -> Column:
        """Return the column of an average, with the number of cases behind it."""
        return self.column(f"{measure}_{statistic}", kind, f"{measure}_n")

    def account_columns(self) -> list[Column]:
        """Return the column of the account where rows of several are shown."""
        return [Column("account_id", "text")] if len(self.questions.accounts()) > 1 else []

    def choose(self, label: str, entry: Entry, names: dict[str, str]) -> str:
        """Show a choice of few options that is kept in the address; return the one chosen."""
        self.address.hold(entry)
        return st.segmented_control(
            label, list(names), format_func=names.get, key=entry.name, required=True, on_change=touched
        )

    def choose_grain(self) -> str:
        """Show the choice of day, week or month; return it."""
        names = {grain: self.language(f"grain.{grain}") for grain in GRAINS}
        return self.choose(self.language("filter.grain"), one_of("grain", GRAINS), names)

    def choose_metric(self, name: str, metrics: Sequence[str]) -> str:
        """Show the choice of a chart's metric; return it."""
        self.address.hold(one_of(name, list(metrics)))
        return st.selectbox(
            self.language("agents.metric"),
            list(metrics),
            format_func=lambda metric: self.language(f"metric.{metric}"),
            key=name,
            on_change=touched,
        )

    def chart(self, name: str, chart: alt.Chart, frame: pd.DataFrame, columns: Sequence[Column]) -> None:
        """Show a chart and, folded up below it, its data as a table with downloads."""
        st.altair_chart(chart, alt=name)
        with st.expander(self.language("download.data", name=name)):
            tables.show(self.language, name, frame, columns)

    def bars(self, name: str, frame: pd.DataFrame, key: str, metric: str, columns: Sequence[Column]) -> None:
        """Show one metric as a bar for each row of the frame, named by the column `key`."""
        field, n, kind = BAR_METRICS[metric]
        values, axis = self._scaled(frame[self.timed(field)], metric, kind)
        bars = pd.DataFrame({"name": self.names(frame, key), "value": values}).dropna()
        if bars.empty:
            st.info(self.language("empty.no_values"))
            return
        shown = [*columns, self.column(field, kind, n)]
        self.chart(name, charts.bars(self.language, bars, axis), frame, shown)

    def over_time(self, name: str, per: str, grain: str, metric: str) -> None:
        """Show one of the chart metrics over time, as a line for each of the most frequent agents or tags."""
        field, n, kind = METRICS[metric]
        columns = [Column("period_start", "day"), *self.account_columns(), Column("group_name", "text")]
        values = [Column("conversations"), self.column(field, kind, n)]
        frame = self.questions.report(
            "report_over_time",
            self.filters,
            select(columns, values, more=["account_id"]),
            "order by period_start, group_id",
            grain=grain,
            per=per,
        )
        frame["group_name"] = self.names(frame, "group_name")
        totals = frame.groupby("group_name")["conversations"].sum()
        top = list(totals[totals > 0].sort_values(ascending=False, kind="stable").index[: charts.SERIES])
        frame = frame[frame["group_name"].isin(top)]
        if frame.empty or frame[self.timed(field)].isna().all():
            st.info(self.language("empty.no_values"))
            return
        values, axis = self._scaled(frame[self.timed(field)], metric, kind)
        points = pd.DataFrame({"when": frame["period_start"], "name": frame["group_name"], "value": values})
        self.chart(
            name,
            charts.lines(self.language, points, top, axis),
            frame,
            [*columns, self.column(field, kind, n)],
        )
        if len(totals[totals > 0]) > len(top):
            st.caption(self.language("agents.top", number=len(top)))

    def names(self, frame: pd.DataFrame, key: str) -> list[str]:
        """Return the rows' names in the reader's language, with the account where several have rows."""
        names = [self.language.code_name("name", name) for name in frame[key]]
        if frame["account_id"].nunique() < 2:
            return names
        return [f"{name} ({account})" for name, account in zip(names, frame["account_id"], strict=True)]

    def notes(self) -> None:
        """Say what holds for the averages of the page."""
        notes = [self.language("note.small_legend", small=FEW)]
        if self.is_working_time:
            notes.append(self.language("note.working_time"))
        st.caption(" ".join(notes))

    def nothing(self) -> None:
        """Say why the page is empty."""
        st.info(
            self.language(
                "empty.nothing",
                from_date=self.language.day(self.filters.from_date),
                to_date=self.language.day(self.filters.to_date),
                first=self.language.day(self.first_day),
                last=self.language.day(self.last_day),
            )
        )

    def _scaled(self, values: pd.Series, metric: str, kind: str) -> tuple[pd.Series, str]:
        name = self.language(f"metric.{metric}")
        if kind != "seconds":
            return values, name
        scaled, unit = charts.in_units(self.language, values)
        return scaled, f"{name} ({unit})"
