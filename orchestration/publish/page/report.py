"""The report to send: one page for each account, in a file that needs nothing else.

Belongs here: which figures the page shows, how numbers are written, where the files are. Does not: its words
and looks (see `report.html.j2`), nor how a figure is measured (the report macros say it).

The files are in a folder of their release, `releases/<release_id>/<period>/<account>.html`, and go
with it. `published/report` is a link to the current folder; swapping it publishes all the pages at once.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from filecmp import cmp
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal, format_percent
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from orchestration.common.files import readable_by_others
from orchestration.publish.page import charts
from orchestration.publish.page.periods import Period, last_day, period_and_the_one_before
from orchestration.publish.reader import reader
from orchestration.publish.release import PublishError, Release, current_release
from orchestration.publish.store import BUILDING
from orchestration.settings import Settings

if TYPE_CHECKING:
    import duckdb

LOCALE = "en"
LINK = "report"
FEW = 5  # figures of fewer values than this are marked, here and on the report pages
NARROW, WIDE = 340, 860
UNKNOWN = "–"  # noqa: RUF001


@dataclass(frozen=True)
class Headline:
    """A figure of `report_overview`: how it is written, and the column that says of how many values it is."""

    label: str
    column: str
    written: str = "number"
    values: str | None = None


HEADLINES = (
    Headline("Conversations", "conversations"),
    Headline("Messages", "messages"),
    Headline("Contacts", "distinct_contacts"),
    Headline("First response time, median", "first_response_median", "duration", "first_response_n"),
    Headline(
        "First response in working time",
        "first_response_working_median",
        "duration",
        "first_response_working_n",
    ),
    Headline("Reply time, median", "reply_median", "duration", "reply_n"),
    Headline("Duration, median", "duration_median", "duration", "duration_n"),
    Headline("Closed", "closed"),
    Headline("Reopened", "reopens"),
    Headline("Service windows expired", "windows_expired"),
    Headline("Satisfied", "csat_score", "percent", "csat_n"),
    Headline("Average rating", "csat_avg", "rating", "csat_n"),
)


def write_reports(settings: Settings) -> dict[str, Path]:
    """Write the page of every account of the current release, and return where they can be found by account.

    Raises `PublishError` where there is no release.
    """
    release = current_release(settings)
    if release is None:
        raise PublishError("There is no release to report on: publish one first.")
    folder = _folder(settings, release)
    with readable_by_others(), reader(settings) as connection:
        folder.mkdir(exist_ok=True)
        for account in release.accounts:
            page = render(connection, release, account, settings.report_period)
            _replace(folder / f"{account}.html", lambda path, page=page: path.write_text(page, "utf-8"))
    target, link = folder.relative_to(settings.published_path), settings.published_path / LINK
    if link.is_dir() and not link.is_symlink():  # in a copy of the home made by a tool that follows links
        shutil.rmtree(link)
    _replace(link, lambda path: path.symlink_to(target))
    return {account: settings.published_path / LINK / f"{account}.html" for account in release.accounts}


def has_reports(settings: Settings, release: Release) -> bool:
    """Return whether the reports that can be read are those of this release, of the period that is set."""
    folders = settings.published_path / LINK, _folder(settings, release)
    pages = [[folder / f"{account}.html" for folder in folders] for account in release.accounts]
    return all(shown.exists() and own.exists() and cmp(shown, own, shallow=False) for shown, own in pages)


def render(connection: duckdb.DuckDBPyConnection, release: Release, account: str, period_name: str) -> str:
    """Return the page of one account as HTML, of a connection as `reader` gives it."""
    about = release.accounts[account]
    last = last_day(about)
    facts = {"release": release, "account": account, "time_zone": about["time_zone"], "few": FEW}
    if last is None:
        return _template().render(facts, period=None)
    period, before = period_and_the_one_before(period_name, last)
    instant = datetime.fromisoformat(about["data_through"]).replace(tzinfo=UTC)
    return _template().render(
        facts,
        period=period,
        before=before,
        headlines=HEADLINES,
        data_through=instant.astimezone(ZoneInfo(about["time_zone"])),
        **_figures(connection, account, period, before),
    )


def _figures(
    connection: duckdb.DuckDBPyConnection, account: str, period: Period, before: Period
) -> dict[str, Any]:
    def report(name: str, days: Period, rest: str = "") -> duckdb.DuckDBPyConnection:
        query = f"from {name}($first, $last, accounts := [$account]) {rest}"
        return connection.execute(query, {"first": days.first, "last": days.last, "account": account})

    (begins,) = connection.execute(
        "select min(report_date) from agg_overview where account_id = ?", [account]
    ).fetchone()
    (overview,) = _rows(report("report_overview", period))
    (overview_before,) = _rows(report("report_overview", before))
    by_day = report(
        "report_overview_by_day",
        period,
        "select report_date as day, origin as kind, conversations as number order by all",
    ).df()
    by_hour = report(
        "report_by_hour", period, "select iso_weekday, hour, inbound_messages as number order by all"
    ).df()
    most = "order by conversations desc, messages desc,"
    return {
        "begins": begins,
        "is_empty": not (overview["conversations"] or overview["messages"] or overview["surveys_sent"]),
        "overview": overview,
        "overview_before": overview_before if begins <= before.first else None,
        "agents": _rows(report("report_by_agent", period, f"{most} agent_name, agent_id")),
        "tags": _rows(report("report_by_tag", period, f"{most} tag")),
        "by_day": lambda width: charts.bars_by_day(by_day, width, charts.ORIGINS),
        "by_hour": lambda width: charts.week(by_hour, width),
        "widths": {"narrow": NARROW, "wide": WIDE},
    }


def _rows(result: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _folder(settings: Settings, release: Release) -> Path:
    return settings.published_path / release.folder / settings.report_period


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    """Put what `write` makes in the place of `path`, so that a reader never sees a part of it."""
    building = path.with_name(f"{BUILDING}{path.name}")
    building.unlink(missing_ok=True)
    write(building)
    building.replace(path)


# How values are written


def number(value: float | None) -> str:
    """Return a count or a sum."""
    return UNKNOWN if value is None else format_decimal(value, locale=LOCALE)


def rating(value: float | None) -> str:
    """Return an average of ratings."""
    return UNKNOWN if value is None else format_decimal(value, "0.00", locale=LOCALE)


def percent(share: float | None) -> str:
    """Return a share of 0 to 1."""
    return UNKNOWN if share is None else format_percent(share, locale=LOCALE)


def duration(seconds: float | None) -> str:
    """Return seconds in the two largest units that say something."""
    if seconds is None:
        return UNKNOWN
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02} min"
    days, hours = divmod(hours, 24)
    return f"{number(days)} d {hours} h"


def change(value: float | None, before: float | None, written: str) -> str:
    """Return by how much a figure rose or fell: a share in points, a rating as it is, all else in percent."""
    if value is None or before is None or (written in ("number", "duration") and not before):
        return UNKNOWN
    if written == "percent":
        return format_decimal(100 * (value - before), "+0 points;-0 points", locale=LOCALE)
    if written == "rating":
        return format_decimal(value - before, "+0.00;-0.00", locale=LOCALE)
    return format_percent(value / before - 1, "+#,##0%;-#,##0%", locale=LOCALE)


def days(period: Period) -> str:
    """Return the days of a period; of a calendar month its name."""
    first, last = period.first, period.last
    if first.day == 1 and (first.year, first.month) == (last.year, last.month) and (last.day >= 28):
        return format_date(first, "MMMM yyyy", locale=LOCALE)
    return f"{day(first)} to {day(last)}"


def day(value: date) -> str:
    """Return a date."""
    return format_date(value, "d MMMM yyyy", locale=LOCALE)


def moment(value: datetime) -> str:
    """Return an instant on its own clock."""
    return format_datetime(value, "d MMMM yyyy, HH:mm", locale=LOCALE)


FILTERS = {
    function.__name__: function for function in (number, rating, percent, duration, change, days, day, moment)
}


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    return environment.get_template("report.html.j2")
