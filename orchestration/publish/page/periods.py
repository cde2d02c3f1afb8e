"""Which days a report is about, counted back from the last day of an account's data, never from today.

Belongs here: the periods one can choose, and the one before each. Does not: what is measured in them.

The same release so gives the same report, whenever it is written. The day of the latest message is not over,
so a period is full only if it ends before that day.
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


def last_day(account: Mapping[str, str | None]) -> date | None:
    """Return the local day of the account's latest message, None without any; see `Release.accounts`."""
    if account["data_through"] is None:
        return None
    instant = datetime.fromisoformat(account["data_through"]).replace(tzinfo=UTC)
    return instant.astimezone(ZoneInfo(account["time_zone"])).date()


def period_and_the_one_before(name: ReportPeriod, last: date) -> tuple[Period, Period]:
    """Return the latest period of this name that is over before `last`, and the one before it."""
    if name in MONTHS:
        step = MONTHS[name]
        end = _months_before(last, (last.month - 1) % step)
        starts = [_months_before(end, months) for months in (step, 2 * step)]
    else:
        step = timedelta(days=DAYS[name])
        end = last - timedelta(days=last.weekday()) if name == "last_full_week" else last
        starts = [end - step, end - 2 * step]
    return Period(starts[0], end - ONE_DAY), Period(starts[1], starts[0] - ONE_DAY)


def _months_before(day: date, months: int) -> date:
    """Return the first day of the month so many months before the day's."""
    years, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(years, month + 1, 1)
