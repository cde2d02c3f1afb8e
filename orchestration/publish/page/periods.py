"""Which days a report is about, counted back from the last day of an account's data, never from today.

Belongs here: the periods that have a report, and the days that each can be compared with. Does not: what is
measured in them.

The same release so gives the same report, whenever it is written. The day of the latest message is not over,
so a period ends before that day.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from orchestration.settings import ReportPeriod

MONTHS = {"last_full_month": 1, "last_full_quarter": 3}
DAYS = {"last_full_week": 7, "last_28_days": 28}
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Period:
    """Local days, both included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """Number of days."""
        return (self.last - self.first).days + 1


def last_day(account: Mapping[str, str | None]) -> date | None:
    """Return the local day of the account's latest message, None without any; see `Release.accounts`."""
    if account["data_through"] is None:
        return None
    instant = datetime.fromisoformat(account["data_through"]).replace(tzinfo=UTC)
    return instant.astimezone(ZoneInfo(account["time_zone"])).date()


def latest_period(name: ReportPeriod, last: date) -> Period:
    """Return the latest period of this name that is over before `last`."""
    if name in MONTHS:
        step = MONTHS[name]
        end = _months_before(last, (last.month - 1) % step)
        return Period(_months_before(end, step), end - ONE_DAY)
    end = last - timedelta(days=last.weekday()) if name == "last_full_week" else last
    return Period(end - timedelta(days=DAYS[name]), end - ONE_DAY)


def compared_periods(period: Period, begins: date) -> tuple[Period, Period] | None:
    """Return the days of a period that can be compared, and the days at the same places of as many before it.

    Both have data only: `begins` is the first day with data. None where there are no such days.
    """
    shift = timedelta(days=period.days)
    first = max(period.first, begins + shift)
    if first > period.last:
        return None
    return Period(first, period.last), Period(first - shift, period.last - shift)


def _months_before(day: date, months: int) -> date:
    """Return the first day of the month so many months before the day's."""
    years, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(years, month + 1, 1)
