"""Which days a report or a report page is about, counted back from the last day of data, never from today.

Belongs here: relative periods, and the days that each can be compared with. Does not: what is measured in
them.

The same release so gives the same report, whenever it is written. The day of the latest message is not over,
so a period ends before that day.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

MONTHS = {"last_month": 1, "last_quarter": 3}
DAYS = {"last_week": 7, "last_7_days": 7, "last_28_days": 28}
LATE = 7  # days after which answers, closes and ratings of a conversation have mostly come
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


def page_name(name: str) -> str:
    """Return what the report pages call a period of the setting: `last_week` for `last_full_week`."""
    return name.replace("_full", "")


def latest_period(name: str, last: date) -> Period:
    """Return the latest period of this name, of the setting or the pages, that is over before `last`."""
    name = page_name(name)
    if name in MONTHS:
        step = MONTHS[name]
        end = _months_before(last, (last.month - 1) % step)
        return Period(_months_before(end, step), end - ONE_DAY)
    end = last - timedelta(days=last.weekday()) if name == "last_week" else last
    return Period(end - timedelta(days=DAYS[name]), end - ONE_DAY)


def compared_periods(period: Period, begins: date, ends: date = date.max) -> tuple[Period, Period] | None:
    """Return the days of a period that can be compared, and the days at the same places of as many before it.

    Both have data only: `begins` and `ends` are the first and the last day with data. None where there are no
    such days.
    """
    shift = timedelta(days=period.days)
    first, last = max(period.first, begins + shift), min(period.last, ends)
    if first > last:
        return None
    return Period(first, last), Period(first - shift, last - shift)


def _months_before(day: date, months: int) -> date:
    """Return the first day of the month so many months before the day's."""
    years, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(years, month + 1, 1)
