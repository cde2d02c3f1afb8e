"""The view of a page: language, queries, filters, and parts that several pages share.

Belongs here: shared parts. Does not: the content of a single page.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from orchestration.publish.page.figures import FEW
from orchestration.publish.page.periods import LATE, ONE_DAY
from reports import tables
from reports.changes import compared
from reports.filters import Address, Entry, Filters, one_of, touched
from reports.language import Language
from reports.period import CUSTOM, Comparison, Coverage, comparison
from reports.release import Queries
from reports.tables import Column, select

GRAINS = ("day", "week", "month")
DETAILS_FILTERS = ("status", "outcome", "rating", "target", "handled")  # see `views.details`
TIMED = ("duration", "first_response", "reply", "total_wait")


@dataclass(frozen=True)
class View:
    """The context in which a page is rendered: language, queries, filters, URL and coverage."""

    language: Language
    queries: Queries
    filters: Filters
    address: Address
    is_working_time: bool
    known: Coverage
    page: str

    @cached_property
    def compared_days(self) -> Comparison | None:
        """The days that can be compared with the previous period, or None."""
        return comparison(self.filters.from_date, self.filters.to_date, self.known)

    @property
    def period(self) -> tuple[date, date]:
        """The first and last day of the period."""
        return self.filters.from_date, self.filters.to_date

    @property
    def stem(self) -> str:
        """The start of file names: accounts, page and period."""
        accounts = self.filters.accounts or list(self.queries.accounts())
        name = accounts[0] if len(accounts) == 1 else f"{len(accounts)}-accounts"
        days = () if self.page == "now" else map(str, self.period)
        return "_".join([tables.slug(name), tables.slug(self.page), *days])

    def timed(self, column: str) -> str:
        """Return the name of the column, or of its pair in working time if that is selected."""
        measure = next((name for name in TIMED if column.startswith(f"{name}_")), None)
        if not self.is_working_time or measure is None or "_on_target" in column:
            return column
        return f"{measure}_working{column.removeprefix(measure)}"

    def column(self, field: str, kind: str = "count", n: str | None = None) -> Column:
        """Return a column with the heading of its calendar time pair."""
        return Column(self.timed(field), kind, n and self.timed(n), label=field)

    def average(self, measure: str, statistic: str = "avg", kind: str = "seconds") -> Column:
        """Return the column of an average with its number of values."""
        return self.column(f"{measure}_{statistic}", kind, f"{measure}_n")

    def median(self, measure: str) -> Column:
        """Return the column of a median with a short heading."""
        return replace(self.average(measure, "median"), label=f"{measure}_short")

    def account_columns(self) -> list[Column]:
        """Return the column of the account if there are several."""
        return [Column("account_id", "text")] if len(self.queries.accounts()) > 1 else []

    def choose(self, label: str, entry: Entry, names: dict[str, str]) -> str:
        """Show a choice of a few options, which is in the URL. Return the selected option."""
        self.address.hold(entry)
        return st.segmented_control(
            label, list(names), format_func=names.get, key=entry.name, required=True, on_change=touched
        )

    def choose_grain(self) -> str:
        """Show the choice of day, week or month. Return the selected one."""
        names = {grain: self.language(f"grain.{grain}") for grain in GRAINS}
        return self.choose(self.language("filter.grain"), one_of("grain", GRAINS), names)

    def choose_metric(self, name: str, metrics: Sequence[str]) -> str:
        """Show the choice of the metric of a chart. Return the selected one."""
        self.address.hold(one_of(name, list(metrics)))
        return st.selectbox(
            self.language("agents.metric"),
            list(metrics),
            format_func=lambda metric: self.language(f"metric.{metric}"),
            key=name,
            on_change=touched,
        )

    def rows_compared(
        self, macro: str, columns: Sequence[Column], keys: list[str], kinds: dict[str, str]
    ) -> pd.DataFrame:
        """Return the rows of a macro with the changes of the columns in `kinds` from the previous period."""
        more = [*keys, *kinds]
        frame = self.queries.report(macro, self.filters, select(columns, more=more))
        now, before = self.both_sides(macro, list(dict.fromkeys(more))) or (frame, None)
        return compared(frame, now, before, keys, kinds)

    def both_sides(
        self, macro: str, columns: Sequence[str] = "*"
    ) -> tuple[pd.DataFrame, pd.DataFrame] | None:
        """Return the rows of a macro for the compared days and for the previous ones, or None."""
        days = self.compared_days
        if days is None:
            return None
        now, before = (
            self.queries.report(
                macro, replace(self.filters, from_date=start, to_date=end), ", ".join(columns)
            )
            for start, end in ((days.start, days.end), (days.previous_start, days.previous_end))
        )
        return now, before

    def show(self, name: str, frame: pd.DataFrame, columns: Sequence[Column], **options: Any) -> None:
        """Show a table with its downloads; see `tables.show`."""
        tables.show(self.language, name, frame, columns, stem=self.stem, **options)

    def chart(
        self,
        name: str,
        chart: alt.Chart,
        frame: pd.DataFrame,
        columns: Sequence[Column],
        pick: Callable[[dict], dict] | None = None,
        is_open: bool = False,
    ) -> None:
        """Show a chart and, in an expander, its data as a table with downloads.

        `pick` returns the filters that select the conversations of a clicked bar, from the fields of the bar.
        """
        if pick is None:
            st.altair_chart(chart, alt=name)
        else:
            key = f"chart-{name}"
            st.altair_chart(chart, alt=name, key=key, on_select=lambda: self._picked(key, pick))
        with st.expander(self.language("download.data", name=name), expanded=is_open):
            self.show(name, frame, columns)

    def _picked(self, key: str, pick: Callable[[dict], dict]) -> None:
        picked = st.session_state[key].selection.get("pick")
        if picked:
            self.to_details(**pick(picked[0]))

    def to_details(self, **filters: object) -> None:
        """Open the conversations that the filters select. For callbacks of widgets."""
        days = dict(zip(("from", "to"), self.period, strict=True)) | filters
        if st.session_state["period"] == CUSTOM or {"from", "to"} & filters.keys():
            filters = {"period": CUSTOM} | days | filters
        unset = {name: [] for name in DETAILS_FILTERS} | {"search": "", "page": 1, "conversation": ""}
        for name, value in (unset | filters).items():
            st.session_state[name] = value
        st.session_state["_page"] = "details"
        touched()

    def names(self, frame: pd.DataFrame, key: str) -> list[str]:
        """Return the names of the rows, with the account if there are several."""
        names = [self.language.code_name("name", name) for name in frame[key]]
        if frame["account_id"].nunique() < 2:
            return names
        return [f"{name} ({account})" for name, account in zip(names, frame["account_id"], strict=True)]

    def notes(self) -> None:
        """Show the notes on averages and changes."""
        language, days = self.language, self.compared_days
        notes = []
        if days is None:
            notes.append(language("note.not_compared", first=language.day(self.known.shared_first)))
        else:
            key = "note.compared" if days.days == self.filters.days else "note.compared_in_part"
            ends = ("start", "end", "previous_start", "previous_end")
            written = {end: language.day(getattr(days, end)) for end in ends}
            notes.append(language(key, days=days.days, all_days=self.filters.days, **written))
        if self.filters.to_date > self.known.through - LATE * ONE_DAY:
            notes.append(language("note.late", through=language.day(self.known.through), days=LATE))
        notes.append(language("note.small_legend", small=FEW))
        if self.is_working_time:
            notes.append(language("note.working_time"))
        st.caption(" ".join(notes))

    def nothing(self) -> None:
        """Show the reason why the page is empty."""
        language = self.language
        days = {"from_date": self.filters.from_date, "to_date": self.filters.to_date}
        days |= {"first": self.known.first, "last": self.known.last}
        st.info(language("empty.nothing", **{name: language.day(value) for name, value in days.items()}))
