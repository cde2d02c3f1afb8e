"""The static report: one self-contained HTML page for each account, period and language.

Belongs here: the list of pages, their files, and formatting figures. Does not: layout (see the templates),
nor the choice of figures (see `figures`).

The files `<account>.<period>.<language>.html`, and an index in each language, are in the folder
`releases/<release_id>/report` of their release and are removed with it. `published/report` is a link to the
folder of the current release. Replacing the link publishes all pages at once.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from filecmp import cmp
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from orchestration.common.files import readable_by_others
from orchestration.publish.page import charts
from orchestration.publish.page.figures import FEW, HEADLINES, Figures, Headline, cue, difference, measure
from orchestration.publish.page.periods import LATE, last_day, latest_period, page_name
from orchestration.publish.reader import reader
from orchestration.publish.release import PublishError, Release, current_release
from orchestration.publish.store import BUILDING
from orchestration.settings import Settings
from reports.language import LANGUAGES, UNKNOWN, Language

if TYPE_CHECKING:
    import duckdb

LINK = "report"
PERIODS = ("last_full_week", "last_28_days", "last_full_month")


def write_reports(settings: Settings) -> dict[str, Path]:
    """Write the pages of the current release. Return the page to send by account.

    The page to send has the period and language of the settings. Raises `PublishError` without a release.
    """
    release = current_release(settings)
    if release is None:
        raise PublishError("There is no release to report on: publish one first.")
    folder = settings.published_path / release.folder / LINK
    with readable_by_others(), reader(settings) as connection:
        folder.mkdir(exist_ok=True)
        for account in release.accounts:
            for name, page in render(settings, connection, release, account):
                replace(folder / name, page)
        for name, page in render_index(settings, release):
            replace(folder / name, page)
    target, link = folder.relative_to(settings.published_path), settings.published_path / LINK
    if link.is_dir() and not link.is_symlink():  # in a copy of the home by a tool that follows links
        shutil.rmtree(link)
    _put(link, lambda path: path.symlink_to(target))
    return {
        account: link / file_name(account, settings.report_period, settings.report_language)
        for account in release.accounts
    }


def has_reports(settings: Settings, release: Release) -> bool:
    """Return whether the current reports are those of this release and include the period of the settings."""
    folders = settings.published_path / LINK, settings.published_path / release.folder / LINK
    names = [
        *(index_name(code) for code in LANGUAGES),
        *(
            file_name(account, period, code)
            for account in release.accounts
            for period in periods(settings)
            for code in LANGUAGES
        ),
    ]
    pages = [[folder / name for folder in folders] for name in names]
    return all(shown.exists() and own.exists() and cmp(shown, own, shallow=False) for shown, own in pages)


def periods(settings: Settings) -> list[str]:
    """Return the names of the periods with a report."""
    return list(dict.fromkeys((*PERIODS, settings.report_period)))


def file_name(account: str, period: str, code: str) -> str:
    """Return the file name of the page of an account, period and language."""
    return f"{account}.{period}.{code}.html"


def index_name(code: str, stem: str = "index") -> str:
    """Return the file name of a page about all accounts. The English one has no language suffix."""
    return f"{stem}.html" if code == "en" else f"{stem}.{code}.html"


def others(code: str, stem: str = "index") -> list[tuple[str, str, str]]:
    """Return the other languages of a page: code, name of the language and file name."""
    return [(other, name, index_name(other, stem)) for other, name in LANGUAGES.items() if other != code]


def period_title(language: Language, period: str) -> str:
    """Return the title of a period in a language."""
    return language(f"periods.{page_name(period)}")


def page_link(settings: Settings, page: str = "", **parameters: str) -> str:
    """Return the URL of a report page with query parameters."""
    query = f"?{urlencode(parameters)}" if parameters else ""
    return f"{settings.report_url.rstrip('/')}/{page}{query}"


def render(
    settings: Settings, connection: duckdb.DuckDBPyConnection, release: Release, account: str
) -> Iterator[tuple[str, str]]:
    """Yield file name and HTML of each page of an account. `connection` is one of `reader`."""
    about = release.accounts[account]
    last, zone = last_day(about), ZoneInfo(about["time_zone"])
    facts = {
        "release": release,
        "account": account,
        "time_zone": about["time_zone"],
        "few": FEW,
        "published": datetime.fromisoformat(release.published_at).astimezone(zone),
    }
    for period_name in periods(settings):
        period = last and latest_period(period_name, last)
        figures = period and measure(connection, account, period)
        for code in LANGUAGES:
            language = Language(code)
            shown = {"period": None}
            if figures:
                through = datetime.fromisoformat(about["data_through"]).astimezone(zone)
                shown = {"period_title": period_title(language, period_name), "data_through": through}
                shown |= _shown(settings, language, figures, last)
            text = template("report.html.j2").render(facts | shown, language=language, index=index_name(code))
            yield file_name(account, period_name, code), text


def render_index(settings: Settings, release: Release) -> Iterator[tuple[str, str]]:
    """Yield file name and HTML of the index in each language."""
    zone = ZoneInfo(settings.time_zone)
    for code in LANGUAGES:
        language = Language(code)
        accounts = {}
        for account, about in release.accounts.items():
            last = last_day(about)
            accounts[account] = [
                (
                    quote(file_name(account, name, code)),
                    _days(language, latest_period(name, last)) if last else UNKNOWN,
                )
                for name in periods(settings)
            ]
        yield (
            index_name(code),
            template("index.html.j2").render(
                language=language,
                release=release,
                accounts=accounts,
                periods=[period_title(language, name) for name in periods(settings)],
                others=others(code),
                status=index_name(code, "status"),
                pages=page_link(settings, lang=code),
                published=datetime.fromisoformat(release.published_at).astimezone(zone),
                zone=settings.time_zone,
            ),
        )


def replace(path: Path, text: str) -> None:
    """Replace the file `path` atomically."""
    _put(path, lambda building: building.write_text(text, "utf-8"))


def write_value(language: Language, kind: str, value: float | None) -> str:
    """Return a figure formatted for a language. Kinds are count, seconds, share and rating."""
    if value is None:
        return UNKNOWN
    writers = {
        "count": language.count,
        "seconds": language.duration,
        "share": language.share,
        "rating": language.decimal,
    }
    return writers[kind](value)


def write_change(language: Language, kind: str, amount: float | None) -> str:
    """Return a change for a language: shares in percentage points, ratings as numbers, others in percent."""
    if amount is None:
        return ""
    writers = {"share": language.points, "rating": language.signed_decimal}
    return writers.get(kind, language.change)(amount)


@cache
def template(name: str) -> Template:
    """Return a template of this folder."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def _shown(settings: Settings, language: Language, figures: Figures, last: Any) -> dict[str, Any]:
    """Return the variables of the template for figures in a language."""
    period = figures.period
    link = partial(
        page_link,
        settings,
        **{
            "from": str(period.first),
            "to": str(period.last),
            "accounts": figures.account,
            "lang": language.code,
        },
    )
    return {
        "period": period,
        "begins": figures.begins,
        "is_empty": figures.is_empty,
        "is_late": (last - period.last).days < LATE,
        "late_days": LATE,
        "overview": figures.overview,
        "tiles": [tile for headline in HEADLINES if (tile := _tile(language, headline, figures))],
        "comparison": _comparison(language, figures),
        "agents": figures.agents,
        "tags": figures.tags,
        "week": figures.week,
        "by_day": figures.by_day,
        "origins": dict(zip(charts.ORIGINS, charts.PALETTE, strict=True)),
        "link": link,
        "write": partial(write_value, language),
    }


def _tile(language: Language, headline: Headline, figures: Figures) -> dict[str, Any] | None:
    """Return a figure with its change and definition, or None for a target that the account does not have."""
    name, n = headline.measure, headline.n and figures.overview[headline.n]
    if name.endswith("_on_target_rate") and not n:
        return None
    amount, colour = None, ""
    if figures.compared:
        amount = difference(headline, figures.now, figures.before)
        colour = cue(headline, amount, figures.now, figures.before)
    return {
        "measure": name,
        "label": language(f"column.{name}"),
        "definition": language.definition(name) or "",
        "value": write_value(language, headline.kind, figures.overview[name]),
        "n": n,
        "change": write_change(language, headline.kind, amount),
        "rises": (amount or 0) > 0,
        "cue": colour,
    }


def _comparison(language: Language, figures: Figures) -> str:
    """Return the sentence that states the compared days."""
    if figures.compared is None:
        return language("note.not_compared", first=language.day(figures.begins))
    now, before = figures.compared
    return language(
        "note.compared" if now.days == figures.period.days else "note.compared_in_part",
        days=now.days,
        all_days=figures.period.days,
        start=language.day(now.first),
        end=language.day(now.last),
        previous_start=language.day(before.first),
        previous_end=language.day(before.last),
    )


def _days(language: Language, period: Any) -> str:
    return language("static.days", first=language.day(period.first), last=language.day(period.last))


def _put(path: Path, write: Callable[[Path], object]) -> None:
    building = path.with_name(f"{BUILDING}{path.name}")
    building.unlink(missing_ok=True)
    write(building)
    building.replace(path)
