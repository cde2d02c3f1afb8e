"""The period of a page: its days with data, and the days that can be compared.

Belongs here: the coverage of the shown accounts. Does not: relative periods and the rule of comparisons (see
`publish.page.periods`), nor local days, which the database computes.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd

from orchestration.publish.page.periods import ONE_DAY, Period, compared_periods, latest_period

CUSTOM = "custom"
PERIODS = ("last_28_days", "last_7_days", "last_week", "last_month", "last_quarter", CUSTOM)


@dataclass(frozen=True)
class Coverage:
    """The local days with data: `first` to `last` of any account, and `through` of the latest message.

    All accounts have complete data from `shared_first` to `whole_last`.
    """

    first: date
    through: date
    last: date
    shared_first: date
    whole_last: date

    def days(self, start: date, end: date) -> int:
        """Return the number of days with complete data from `start` to `end`, both included."""
        return max(0, (min(end, self.through - ONE_DAY) - max(start, self.first)).days + 1)


def coverage(accounts: pd.DataFrame) -> Coverage | None:
    """Return the coverage from the rows of `report_coverage`, or None without data."""
    accounts = accounts.dropna(subset=["first_day"])
    if accounts.empty:
        return None
    # Without messages, the last day with other activity.
    through = accounts["through_day"].fillna(accounts["last_day"])
    return Coverage(
        first=accounts["first_day"].min().date(),
        through=through.max().date(),
        last=accounts["last_day"].max().date(),
        shared_first=accounts["first_day"].max().date(),
        whole_last=through.min().date() - ONE_DAY,
    )


def resolved(name: str, known: Coverage) -> tuple[date, date]:
    """Return the days of a relative period, limited to days with data."""
    period = latest_period(name, known.through)
    last = max(known.first, period.last)
    return min(last, max(known.first, period.first)), last


@dataclass(frozen=True)
class Comparison:
    """Days of the period and the matching days of the previous period, all with data."""

    start: date
    end: date
    previous_start: date
    previous_end: date

    @property
    def days(self) -> int:
        """The number of compared days."""
        return (self.end - self.start).days + 1


def comparison(start: date, end: date, known: Coverage) -> Comparison | None:
    """Return the days that can be compared with the previous period, or None."""
    compared = compared_periods(Period(start, end), known.shared_first, known.whole_last)
    if compared is None:
        return None
    now, before = compared
    return Comparison(now.first, now.last, before.first, before.last)


def whole_period(start: date, grain: str) -> tuple[date, date]:
    """Return the first and last day of the day, week or month that starts on `start`."""
    if grain == "week":
        return start, start + timedelta(days=6)
    if grain == "month":
        return start, start.replace(day=monthrange(start.year, start.month)[1])
    return start, start


def covered_days(start: date, grain: str, period: tuple[date, date], known: Coverage) -> tuple[int, int]:
    """Return the number of days with data within the period, and of all days, of a day, week or month."""
    first, last = whole_period(start, grain)
    return known.days(max(first, period[0]), min(last, period[1])), (last - first).days + 1
