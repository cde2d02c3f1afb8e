"""The filters that every page has, as widgets.

Belongs here: which filters there are and how they look. Does not: how the address keeps them (see `filters`).
"""

from datetime import date, timedelta

import pandas as pd
import streamlit as st

from reports.filters import HOURS, LISTS, Address, Filters, day, one_of, some_of, touched
from reports.language import Language

DAYS = 28  # the period at first: whole weeks, so that the one before has the same weekdays
CLOCKS = ("calendar", "working")


def show_filters(
    language: Language, address: Address, choices: pd.DataFrame, first: date, last: date
) -> tuple[Filters, bool]:
    """Show the filters; return them, and whether times are in working time."""
    address.hold(day("from", max(first, last - timedelta(DAYS - 1)), first, last))
    address.hold(day("to", last, first, last))
    with st.sidebar:
        st.header(language("filter.heading"))
        from_date, to_date = (
            st.date_input(
                language(f"filter.{name}"),
                min_value=first,
                max_value=last,
                format="DD/MM/YYYY",
                key=name,
                on_change=touched,
            )
            for name in ("from", "to")
        )
        lists = {name: _some(language, address, name, choices[choices["filter"] == name]) for name in LISTS}
        hours = _one(language, address, "hours", list(HOURS))
        clock = _one(language, address, "clock", list(CLOCKS))
        st.button(language("filter.reset"), on_click=_reset, args=(address,), width="stretch")
    return Filters(from_date, to_date, **lists, working_hours=HOURS[hours]), clock == "working"


def _some(language: Language, address: Address, name: str, choices: pd.DataFrame) -> list[str] | None:
    labels = {
        value: language.code_name("origin" if name == "origins" else "name", label)
        for value, label in zip(choices["value"], choices["label"], strict=True)
    }
    address.hold(some_of(name, labels))
    if len(labels) < 2 and not st.session_state[name]:
        return None
    chosen = st.multiselect(
        language(f"filter.{name}"),
        list(labels),
        format_func=lambda value: labels[value],
        placeholder=language("filter.every"),
        key=name,
        on_change=touched,
    )
    return chosen or None


def _one(language: Language, address: Address, name: str, options: list[str]) -> str:
    address.hold(one_of(name, options))
    return st.segmented_control(
        language(f"filter.{name}"),
        options,
        format_func=lambda option: language(f"{name}.{option}"),
        key=name,
        required=True,
        on_change=touched,
    )


def _reset(address: Address) -> None:
    for entry in address.entries:
        if entry.name != "lang":
            st.session_state[entry.name] = entry.default
    touched()
