"""Periods of the report pages, comparisons between periods, and definitions of figures."""

from datetime import date, timedelta

import pandas as pd
import pytest

from orchestration.publish.page.figures import HEADLINES
from reports.changes import change, compared
from reports.groups import CHANGES
from reports.language import LANGUAGES, Language, catalogue
from reports.over_time import BAR_METRICS
from reports.period import PERIODS, Coverage, comparison, coverage, covered_days, resolved
from reports.views.now import TILES

FIRST, THROUGH = date(2025, 10, 1), date(2025, 12, 31)
KNOWN = Coverage(FIRST, THROUGH, date(2026, 1, 2), FIRST, THROUGH - timedelta(1))
ENGLISH = Language("en")


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("last_7_days", date(2025, 12, 24), date(2025, 12, 30)),
        ("last_28_days", date(2025, 12, 3), date(2025, 12, 30)),
        ("last_week", date(2025, 12, 22), date(2025, 12, 28)),
        ("last_month", date(2025, 11, 1), date(2025, 11, 30)),
        ("last_quarter", FIRST, FIRST),  # the whole quarter is before the first day with data
    ],
)
def test_a_relative_period_ends_before_the_day_of_the_latest_message(name, start, end):
    assert resolved(name, KNOWN) == (start, end)


def test_every_relative_period_has_a_day_if_data_has_one_day():
    known = Coverage(FIRST, FIRST, FIRST, FIRST, FIRST - timedelta(1))
    assert {resolved(name, known) for name in PERIODS if name != "custom"} == {(FIRST, FIRST)}


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        # Complete; limited by the first day with data; limited by the last; without earlier data.
        ((2025, 12, 3), (2025, 12, 30), ((2025, 12, 3), (2025, 12, 30), (2025, 11, 5), (2025, 12, 2))),
        ((2025, 10, 11), (2025, 10, 30), ((2025, 10, 21), (2025, 10, 30), (2025, 10, 1), (2025, 10, 10))),
        ((2025, 12, 25), (2026, 1, 2), ((2025, 12, 25), (2025, 12, 30), (2025, 12, 16), (2025, 12, 21))),
        ((2025, 10, 1), (2025, 10, 30), None),
    ],
)
def test_only_days_with_data_in_both_periods_are_compared(start, end, expected):
    found = comparison(date(*start), date(*end), KNOWN)
    if expected is None:
        assert found is None
    else:
        assert (found.start, found.end, found.previous_start, found.previous_end) == tuple(
            date(*day) for day in expected
        )


@pytest.mark.parametrize(
    ("start", "grain", "expected"),
    [
        (date(2025, 12, 22), "week", (7, 7)),
        (date(2025, 12, 29), "week", (2, 7)),  # 29 and 30 December; the 31st is incomplete
        (date(2025, 9, 29), "week", (5, 7)),  # the first day with data is a Wednesday
        (date(2025, 12, 1), "month", (30, 31)),
        (date(2025, 12, 31), "day", (0, 1)),
        (date(2025, 12, 30), "day", (1, 1)),
    ],
)
def test_weeks_and_months_have_a_number_of_days_with_data(start, grain, expected):
    assert covered_days(start, grain, (FIRST, date(2026, 1, 2)), KNOWN) == expected


def test_days_outside_the_period_do_not_count():
    period = date(2025, 12, 4), date(2025, 12, 10)
    assert covered_days(date(2025, 12, 1), "week", period, KNOWN) == (4, 7)


def test_accounts_are_compared_on_days_with_data_of_all():
    days = {
        "first_day": ["2025-10-01", "2025-11-01"],
        "through_day": ["2025-12-31", "2025-12-20"],
        "last_day": ["2026-01-02", "2025-12-20"],
    }
    found = coverage(pd.DataFrame({name: pd.to_datetime(values) for name, values in days.items()}))
    assert (found.first, found.through, found.last) == (FIRST, THROUGH, date(2026, 1, 2))
    assert (found.shared_first, found.whole_last) == (date(2025, 11, 1), date(2025, 12, 19))
    assert coverage(pd.DataFrame({"first_day": [], "through_day": [], "last_day": []})) is None


@pytest.mark.parametrize(
    ("kind", "values", "cases", "text", "colour"),
    [
        ("rating", (4.06, 4.07), (80, 90), "-0.01", "off"),
        ("rating", (3.9, 4.07), (80, 90), "-0.17", "normal"),
        ("rating", (3.9, 4.07), (80, 4), "-0.17", "off"),  # few values in the previous period
        ("share", (0.81, 0.80), (80, 90), "+1.0 pp", "off"),
        ("share", (0.85, 0.80), (80, 90), "+5.0 pp", "normal"),
        ("seconds", (102, 100), (80, 90), "+2.0 %", "off"),
        ("seconds", (150, 100), (80, 90), "+50.0 %", "normal"),
        ("count", (3, 0), None, None, "off"),
        ("seconds", (None, 100), (0, 90), None, "off"),
    ],
)
def test_only_a_large_change_is_good_or_bad(kind, values, cases, text, colour):
    found = change(ENGLISH, kind, "normal", values, cases)
    assert (found.text, found.colour) == (text, colour)


def test_groups_are_compared_by_key_and_new_groups_have_no_change():
    frame = pd.DataFrame({"account_id": ["a", "a", "a"], "agent_id": ["x", None, "y"], "n": [10, 20, 5]})
    now = frame.assign(n=[8, 18, 4])
    before = pd.DataFrame({"account_id": ["a", "a"], "agent_id": [None, "x"], "n": [9, 4]})
    found = compared(frame, now, before, ["account_id", "agent_id"], {"n": "count"})
    assert found["n_change"].to_list()[:2] == [1.0, 1.0]
    assert pd.isna(found["n_change"][2])
    assert list(found["n"]) == [10, 20, 5]


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_figure_has_a_definition(code):
    language = Language(code)
    shown = [
        *(headline.measure for headline in HEADLINES),
        *(tile[0] for tile in TILES),
        *(column for column, _, _ in BAR_METRICS.values()),
        *(f"{column}_change" for column in CHANGES),
    ]
    assert [name for name in shown if not language.definition(name)] == []


def test_the_definition_of_a_statistic_is_part_of_that_of_the_figure():
    assert ENGLISH.definition("reply_median").endswith(catalogue("en")["definition.median"])
    assert ENGLISH.definition("started_local") is None
