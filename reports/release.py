"""The published release, asked through its report macros.

Belongs here: opening the release, narrowing every question to the accounts a user may see, keeping answers.
Does not: what is asked (see `views`), who the user is (see `access`), nor any figure's making.
"""

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from orchestration.publish.reader import reader
from orchestration.publish.release import Release
from orchestration.settings import Settings
from reports.filters import Filters


class ReleaseChangedError(Exception):
    """Another release was swapped in while a page was made; make it again."""


@dataclass(frozen=True)
class Questions:
    """Asks the macros of one release, for the accounts `allowed` (None: all)."""

    settings: Settings
    release: Release
    allowed: tuple[str, ...] | None

    def report(
        self, macro: str, filters: Filters, select: str = "*", tail: str = "", **more: object
    ) -> pd.DataFrame:
        """Return the rows of a report macro over the filters' period; `more` are its further parameters.

        `select` and `tail` (order, limit) are SQL of ours, never of the user; values in them are `more` whose
        names begin with `_`.
        """
        named = {"from_date": filters.from_date, "to_date": filters.to_date}
        named |= filters.selections() | {name: value for name, value in more.items() if name[0] != "_"}
        rest = {name: value for name, value in more.items() if name[0] == "_"}
        return self._ask(macro, select, tail, named, rest)

    def present(
        self, macro: str, filters: Filters, select: str = "*", tail: str = "", **values: object
    ) -> pd.DataFrame:
        """Return the rows of a report macro about the present, under the filters without their period.

        `select`, `tail` and `values` are as in `report`.
        """
        return self._ask(macro, select, tail, filters.selections(), values)

    def about(self, macro: str, select: str = "*", **more: object) -> pd.DataFrame:
        """Return the rows of a macro that asks about no period."""
        return self._ask(macro, select, "", more, {})

    def accounts(self) -> dict[str, dict[str, str | None]]:
        """Return the zone and the data-through instant of every account that the user may see."""
        known = self.release.accounts
        return {name: known[name] for name in known if self.allowed is None or name in self.allowed}

    def _ask(self, macro: str, select: str, tail: str, named: dict, rest: dict) -> pd.DataFrame:
        named = named | {"accounts": self._narrowed(named.get("accounts"))}
        arguments = ", ".join(f"{name} := ${name}" for name in named)
        query = f"select {select} from {macro}({arguments}) {tail}"
        return _answer(self.settings, self.release.release_id, query, named | rest)

    def _narrowed(self, accounts: list[str] | None) -> list[str] | None:
        if self.allowed is None:
            return accounts
        return [account for account in self.allowed if accounts is None or account in accounts]


@st.cache_data(max_entries=300, show_spinner=False)
def _answer(_settings: Settings, release_id: str, query: str, parameters: dict) -> pd.DataFrame:
    with reader(_settings) as connection:
        if connection.execute("select release_id from release()").fetchone() != (release_id,):
            raise ReleaseChangedError
        return connection.execute(query, parameters).df()
