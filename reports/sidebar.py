"""The filter widgets of every page.

Belongs here: the widgets. Does not: their values in the URL (see `filters`), nor the days of a relative
period (see `period`).
"""

from datetime import date

import pandas as pd
import streamlit as st

from reports.filters import HOURS, LISTS, Address, Filters, day, one_of, period, some_of, touched
from reports.language import Language
from reports.period import CUSTOM, PERIODS, Coverage, resolved

CLOCKS = ("calendar", "working")
ENDS = ("from", "to")


def show_filters(
    language: Language, address: Address, choices: pd.DataFrame, known: Coverage
) -> tuple[Filters, bool]:
    """Show the filters. Return their values, and whether durations are in working time."""
    with st.sidebar:
        st.header(language("filter.heading"))
        from_date, to_date = _period(language, address, known)
        lists = {name: _some(language, address, name, choices[choices["filter"] == name]) for name in LISTS}
        hours = _one(language, address, "hours", list(HOURS))
        clock = _one(language, address, "clock", list(CLOCKS))
        st.button(language("filter.reset"), on_click=_reset, args=(address,), width="stretch")
    return Filters(from_date, to_date, **lists, working_hours=HOURS[hours]), clock == "working"


def _period(language: Language, address: Address, known: Coverage) -> tuple[date, date]:
    entry = period("period", PERIODS, CUSTOM, PERIODS[0])
    address.hold(entry)
    if address.has(*ENDS) and not address.has("period"):
        st.session_state["period"] = CUSTOM
    name = st.selectbox(
        language("filter.period"),
        PERIODS,
        format_func=lambda option: language(f"periods.{option}"),
        key="period",
        on_change=touched,
    )
    is_custom = name == CUSTOM
    days = resolved(PERIODS[0] if is_custom else name, known)
    for end, default in zip(ENDS, days, strict=True):
        limits = known.first, known.last
        found = day(end, default, *limits, lambda end=end: address.clamped.append(end))
        if is_custom:
            address.hold(found)
        else:
            st.session_state[end] = default
    if not is_custom:
        st.caption(language("filter.days", from_date=language.day(days[0]), to_date=language.day(days[1])))
        return days
    return tuple(
        st.date_input(
            language(f"filter.{end}"),
            min_value=known.first,
            max_value=known.last,
            format="DD/MM/YYYY",
            key=end,
            on_change=touched,
        )
        for end in ENDS
    )


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
