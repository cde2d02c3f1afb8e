"""The filters of a page, and their values in the URL.

Belongs here: the filters, their format in the URL, and keeping both in sync. Does not: widgets (see
`sidebar`), nor the use of a filter (see `release`).

The URL is read at the start of a session and when the user goes back or forward in the history. Otherwise the
values of the widgets are written to the URL. It contains ids and codes, not labels, so that a link works in
every language.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import streamlit as st

LISTS = ("accounts", "agents", "origins", "channels", "teams", "conversation_tags", "contact_tags")
HOURS = {"all": None, "in": True, "out": False}


@dataclass(frozen=True)
class Filters:
    """The period (local days, both included) and the selected values of each filter; None selects all."""

    from_date: date
    to_date: date
    accounts: list[str] | None = None
    agents: list[str] | None = None
    origins: list[str] | None = None
    channels: list[str] | None = None
    teams: list[str] | None = None
    conversation_tags: list[str] | None = None
    contact_tags: list[str] | None = None
    working_hours: bool | None = None

    def selections(self) -> dict[str, object]:
        """Return the filters by parameter name of the macros."""
        return {name: getattr(self, name) for name in (*LISTS, "working_hours")}

    @property
    def days(self) -> int:
        """The number of days of the period."""
        return (self.to_date - self.from_date).days + 1


@dataclass(frozen=True)
class Entry:
    """A value in the URL: its parameter, its default, and a function that parses it.

    `read` raises `ValueError` for an invalid text. `is_written` returns whether a value is written to the
    URL; by default, all values except `default` are.
    """

    name: str
    default: object
    read: Callable[[list[str]], object]
    is_written: Callable[[object], bool] | None = None

    def write(self, value: object) -> list[str]:
        """Return the value as texts. A date is in ISO 8601."""
        return [str(part) for part in value] if isinstance(value, (list, tuple)) else [str(value)]


def day(name: str, default: date, first: date, last: date, clamped: Callable[[], None]) -> Entry:
    """Return the entry of a day, limited to `first` to `last`. Calls `clamped` if a day is outside."""

    def read(texts: list[str]) -> date:
        found = date.fromisoformat(texts[-1])
        if not first <= found <= last:
            clamped()
        return min(max(found, first), last)

    return Entry(name, default, read, is_written=lambda _: True)


def one_of(name: str, options: Sequence[str], default: str | None = None) -> Entry:
    """Return the entry of one option, by default the first."""

    def read(texts: list[str]) -> str:
        if texts[-1] not in options:
            raise ValueError(texts[-1])
        return texts[-1]

    return Entry(name, options[0] if default is None else default, read)


def some_of(name: str, options: Iterable[str]) -> Entry:
    """Return the entry of several options. An empty list selects all."""
    known = set(options)

    def read(texts: list[str]) -> list[str]:
        if not known.issuperset(texts):
            raise ValueError(set(texts) - known)
        return texts

    return Entry(name, [], read)


def text(name: str) -> Entry:
    """Return the entry of a text."""
    return Entry(name, "", lambda texts: texts[-1])


def period(name: str, options: Sequence[str], unwritten: str, default: str) -> Entry:
    """Return the entry of a relative period. The period `unwritten` is written as its days instead.

    The default is also written, because a URL without parameters is that of a newly selected page.
    """
    choice = one_of(name, options, default)
    return Entry(name, default, choice.read, is_written=lambda value: value != unwritten)


def number(name: str) -> Entry:
    """Return the entry of a number of at least 1."""

    def read(texts: list[str]) -> int:
        found = int(texts[-1])
        if found < 1:
            raise ValueError(found)
        return found

    return Entry(name, 1, read)


class Address:
    """Keeps the URL and the widgets in sync. The session state has the value of each entry by its name."""

    def __init__(self) -> None:
        st.session_state.setdefault("_address", None)
        written = {name: st.query_params.get_all(name) for name in st.query_params}
        is_navigation = not st.session_state.pop("_touched", False) and bool(written)
        self.entries: list[Entry] = []
        self.unreadable: list[str] = []
        self.clamped: list[str] = []
        self._written = written
        self._is_new = st.session_state["_address"] is None or (
            is_navigation and written != st.session_state["_address"]
        )

    def has(self, *names: str) -> bool:
        """Return whether a new URL (of a link or the history) has one of the parameters."""
        return self._is_new and any(name in self._written for name in names)

    def hold(self, entry: Entry) -> None:
        """Set the value of an entry from a new URL (of a link or the history), else keep that of the widget.

        A value that is invalid or not in this release is replaced by the default.
        """
        self.entries.append(entry)
        held = st.session_state.get(entry.name)
        texts = self._written.get(entry.name) if self._is_new or held is None else entry.write(held)
        try:
            # Set also if unchanged: Streamlit otherwise removes values of widgets that a page does not show.
            st.session_state[entry.name] = entry.read(texts) if texts else entry.default
        except ValueError:
            self.unreadable.append(entry.name)
            st.session_state[entry.name] = entry.default

    def write(self) -> None:
        """Write the values to the URL."""
        values = {entry.name: (entry, st.session_state.get(entry.name)) for entry in self.entries}
        written = {
            name: entry.write(value)
            for name, (entry, value) in values.items()
            if value is not None and (entry.is_written(value) if entry.is_written else value != entry.default)
        }
        st.session_state["_address"] = written
        if written != {name: st.query_params.get_all(name) for name in st.query_params}:
            st.query_params.from_dict(written)


def touched() -> None:
    """Record that a widget changed, so that its value replaces that in the URL. For `on_change`."""
    st.session_state["_touched"] = True
