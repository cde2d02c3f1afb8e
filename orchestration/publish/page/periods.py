"""The periods of reports and report pages, relative to the last day with data, not to today.

Belongs here: relative periods, and the days with which they are compared. Does not: the figures of a period.

So a release always has the same report. The day of the latest message is incomplete, so a period ends before
it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

MONTHS = {"last_month": 1, "last_quarter": 3}
DAYS = {"last_week": 7, "last_7_days": 7, "last_28_days": 28}
LATE = 7  # days after which most replies, closes and ratings of a conversation have arrived
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Period:
    """A range of local days, both included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """The number of days."""
        return (self.last - self.first).days + 1


def last_day(account: Mapping[str, str | None]) -> date | None:
    """Return the local day of the latest message of an account in `Release.accounts`, or None."""
    if account["data_through"] is None:
        return None
    instant = datetime.fromisoformat(account["data_through"]).replace(tzinfo=UTC)
    return instant.astimezone(ZoneInfo(account["time_zone"])).date()


def page_name(name: str) -> str:
    """Return the name of a period on the report pages: `last_week` for the setting `last_full_week`."""
    return name.replace("_full", "")


def latest_period(name: str, last: date) -> Period:
    """Return the latest complete period of this name before the day `last`."""
    name = page_name(name)
    if name in MONTHS:
        step = MONTHS[name]
        end = _months_before(last, (last.month - 1) % step)
        return Period(_months_before(end, step), end - ONE_DAY)
    end = last - timedelta(days=last.weekday()) if name == "last_week" else last
    return Period(end - timedelta(days=DAYS[name]), end - ONE_DAY)


def compared_periods(period: Period, begins: date, ends: date = date.max) -> tuple[Period, Period] | None:
    """Return the days of a period that can be compared, and the matching days of the previous period.

    The previous period has the same length. `begins` and `ends` are the first and last day with data, and
    both results contain only days with data. Return None if there are no such days.
    """
    shift = timedelta(days=period.days)
    first, last = max(period.first, begins + shift), min(period.last, ends)
    if first > last:
        return None
    return Period(first, last), Period(first - shift, last - shift)


def _months_before(day: date, months: int) -> date:
    """Return the first day of the month that is a number of months before the month of `day`."""
    years, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(years, month + 1, 1)
