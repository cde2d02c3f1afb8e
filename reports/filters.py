"""What a page is asked to show, and the address that says so.

Belongs here: the filters, how each is written in the address, and keeping the two alike. Does not: how a
widget looks (see `sidebar`), nor what is done with a filter (see `release`).

The address is read when a session begins and when the user walks back or forth; in between, what the widgets
hold is the truth and the address follows. Values in it are ids and codes, never labels, so that a link shows
the same in every language.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import streamlit as st

LISTS = ("accounts", "agents", "origins", "channels", "teams", "conversation_tags", "contact_tags")
HOURS = {"all": None, "in": True, "out": False}


@dataclass(frozen=True)
class Filters:
    """The period (local days, both included) and what conversations are selected; None selects all."""

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
        """Return the filters by the names of the macros' parameters."""
        return {name: getattr(self, name) for name in (*LISTS, "working_hours")}

    @property
    def days(self) -> int:
        """Number of days of the period."""
        return (self.to_date - self.from_date).days + 1


@dataclass(frozen=True)
class Entry:
    """A value kept in the address: its name there, its default, and how it is read from text.

    `read` raises ValueError where the text is invalid. The address has the values that `is_written` selects,
    by default all but the default.
    """

    name: str
    default: object
    read: Callable[[list[str]], object]
    is_written: Callable[[object], bool] | None = None

    def write(self, value: object) -> list[str]:
        """Return the value's texts; a date as ISO 8601."""
        return [str(part) for part in value] if isinstance(value, (list, tuple)) else [str(value)]


def day(name: str, default: date, first: date, last: date, clamped: Callable[[], None]) -> Entry:
    """Return the entry of a day; one before `first` or after `last` becomes that day and calls `clamped`."""

    def read(texts: list[str]) -> date:
        found = date.fromisoformat(texts[-1])
        if not first <= found <= last:
            clamped()
        return min(max(found, first), last)

    return Entry(name, default, read, is_written=lambda _: True)


def one_of(name: str, options: Sequence[str], default: str | None = None) -> Entry:
    """Return the entry of one of the options, by default the first."""

    def read(texts: list[str]) -> str:
        if texts[-1] not in options:
            raise ValueError(texts[-1])
        return texts[-1]

    return Entry(name, options[0] if default is None else default, read)


def some_of(name: str, options: Iterable[str]) -> Entry:
    """Return the entry of any of the options; none of them stands for all."""
    known = set(options)

    def read(texts: list[str]) -> list[str]:
        if not known.issuperset(texts):
            raise ValueError(set(texts) - known)
        return texts

    return Entry(name, [], read)


def text(name: str) -> Entry:
    """Return the entry of a free text."""
    return Entry(name, "", lambda texts: texts[-1])


def period(name: str, options: Sequence[str], unwritten: str, default: str) -> Entry:
    """Return the entry of a relative period; `unwritten` is the one that the address states by its days.

    The address always has it, also the default: an empty address is that of a page that was just chosen.
    """
    choice = one_of(name, options, default)
    return Entry(name, default, choice.read, is_written=lambda value: value != unwritten)


def number(name: str) -> Entry:
    """Return the entry of a number from 1."""

    def read(texts: list[str]) -> int:
        found = int(texts[-1])
        if found < 1:
            raise ValueError(found)
        return found

    return Entry(name, 1, read)


class Address:
    """Keeps in the address what the widgets hold, which the session's state has under the entries' names."""

    def __init__(self) -> None:
        st.session_state.setdefault("_address", None)
        written = {name: st.query_params.get_all(name) for name in st.query_params}
        walked = not st.session_state.pop("_touched", False) and bool(written)
        self.entries: list[Entry] = []
        self.unreadable: list[str] = []
        self.clamped: list[str] = []
        self._written = written
        self._is_news = st.session_state["_address"] is None or (
            walked and written != st.session_state["_address"]
        )

    def has(self, *names: str) -> bool:
        """Tell whether the address of a link or of a step back has one of the names."""
        return self._is_news and any(name in self._written for name in names)

    def hold(self, entry: Entry) -> None:
        """Set the entry's value from the address of a link or a step back, else leave what the widget holds.

        What is invalid, or no longer in this release, becomes the default.
        """
        self.entries.append(entry)
        held = st.session_state.get(entry.name)
        texts = self._written.get(entry.name) if self._is_news or held is None else entry.write(held)
        try:
            # Said again even if it is held: so it outlives a page that does not show its widget.
            st.session_state[entry.name] = entry.read(texts) if texts else entry.default
        except ValueError:
            self.unreadable.append(entry.name)
            st.session_state[entry.name] = entry.default

    def write(self) -> None:
        """Put every value that is not its default into the address."""
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
    """Note that a widget was used, and so is newer than the address: the `on_change` of every widget."""
    st.session_state["_touched"] = True
