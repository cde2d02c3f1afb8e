"""Queries on the published release through its report macros.

Belongs here: opening the release, limiting every query to the accounts of the user, and caching results. Does
not: the queries of a page (see `views`), the user (see `access`), nor the definition of figures (the macros).
"""

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from orchestration.publish.reader import reader
from orchestration.publish.release import Release
from orchestration.settings import Settings
from reports.filters import Filters


class ReleaseChangedError(Exception):
    """Another release was published while a page was rendered. Render it again."""


@dataclass(frozen=True)
class Queries:
    """Queries the macros of one release for the `allowed` accounts (None: all)."""

    settings: Settings
    release: Release
    allowed: tuple[str, ...] | None

    def report(
        self, macro: str, filters: Filters, select: str = "*", tail: str = "", **more: object
    ) -> pd.DataFrame:
        """Return the rows of a report macro for the filters and their period.

        `more` has further parameters of the macro. `select` and `tail` (order, limit) are SQL without
        input of the user; values for it are in `more`, with names that begin with `_`.
        """
        named = {"from_date": filters.from_date, "to_date": filters.to_date}
        named |= filters.selections() | {name: value for name, value in more.items() if name[0] != "_"}
        rest = {name: value for name, value in more.items() if name[0] == "_"}
        return self._query(macro, select, tail, named, rest)

    def present(
        self, macro: str, filters: Filters, select: str = "*", tail: str = "", **values: object
    ) -> pd.DataFrame:
        """Return the rows of a report macro without a period, for the filters.

        `select`, `tail` and `values` are as in `report`.
        """
        return self._query(macro, select, tail, filters.selections(), values)

    def about(self, macro: str, select: str = "*", **more: object) -> pd.DataFrame:
        """Return the rows of a macro without a period and filters."""
        return self._query(macro, select, "", more, {})

    def accounts(self) -> dict[str, dict[str, str | None]]:
        """Return time zone and data-through time of every account that the user can see."""
        known = self.release.accounts
        return {name: known[name] for name in known if self.allowed is None or name in self.allowed}

    def _query(self, macro: str, select: str, tail: str, named: dict, rest: dict) -> pd.DataFrame:
        named = named | {"accounts": self._limit(named.get("accounts"))}
        arguments = ", ".join(f"{name} := ${name}" for name in named)
        query = f"select {select} from {macro}({arguments}) {tail}"
        return _result(self.settings, self.release.release_id, query, named | rest)

    def _limit(self, accounts: list[str] | None) -> list[str] | None:
        if self.allowed is None:
            return accounts
        return [account for account in self.allowed if accounts is None or account in accounts]


@st.cache_data(max_entries=300, show_spinner=False)
def _result(_settings: Settings, release_id: str, query: str, parameters: dict) -> pd.DataFrame:
    with reader(_settings) as connection:
        if connection.execute("select release_id from release()").fetchone() != (release_id,):
            raise ReleaseChangedError
        return connection.execute(query, parameters).df()
