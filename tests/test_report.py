"""The report to send and the previews in Dagster: the macros' figures, safe, whole, and of the right days."""

import re
import shutil
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

import duckdb
import pytest
import synthetic_candidate

from orchestration.automation.jobs import is_up_to_date
from orchestration.publish.freshness import check_freshness
from orchestration.publish.page import figures, report
from orchestration.publish.page.figures import FEW, Headline, cue, difference
from orchestration.publish.page.periods import Period, compared_periods, last_day, latest_period
from orchestration.publish.page.report import (
    LINK,
    file_name,
    has_reports,
    index_name,
    page_link,
    periods,
    render,
    write_change,
    write_reports,
    write_value,
)
from orchestration.publish.page.status import write_status
from orchestration.publish.previews import PREVIEWS, measure_weeks, preview
from orchestration.publish.reader import reader
from orchestration.publish.release import PublishError, current_release
from orchestration.publish.store import publish
from orchestration.publish.tables import TABLES
from orchestration.settings import Settings
from reports.language import LANGUAGES, UNKNOWN, Language

PAGES = "https://example.com/a/reports/"
HOSTILE = '<script>alert("x")</script> | **b** [l](https://evil.example) `c` </td>'


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A release of two accounts, one of which has a hostile tag and agent, to be copied or read."""
    settings = Settings(home=tmp_path_factory.mktemp("made"), memory_limit="500MB", threads=1)
    synthetic_candidate.write(settings.candidate_path)
    with duckdb.connect(settings.candidate_path) as connection:
        connection.execute("update dim_agents set agent_name = ? where agent_id = 'demo:1'", [HOSTILE])
        connection.execute(
            "update fct_conversations set conversation_tags = [?] where agent_id = 'demo:1'", [HOSTILE]
        )
        synthetic_candidate.write_report_inputs(connection)
    publish(settings, {"passed": ["a"], "warned": ["b"]})
    return settings


@pytest.fixture
def settings(made, tmp_path):
    shutil.copytree(made.published_path, tmp_path / "published", symlinks=True)
    return Settings(home=tmp_path, report_period="last_full_week", report_url=PAGES)


class Page(HTMLParser):
    """What a reader sees of a page, the cells of its tables, and everything it would load or run."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.loads, self.links, self.handlers, self.rows, self.words = [], [], [], [], [], []
        self.language = None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag == "html":
            self.language = dict(attributes)["lang"]
        if tag == "a":
            self.links.append(dict(attributes)["href"])
            attributes = [pair for pair in attributes if pair[0] != "href"]
        self.loads += [
            value
            for name, value in attributes
            if name in ("src", "href", "srcset", "data", "action", "xlink:href", "poster")
        ]
        self.handlers += [name for name, _ in attributes if name.startswith("on")]
        if tag == "table":
            self.rows.append(["end of the table before"])
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th") and self.rows:
            self.rows[-1].append("")

    def handle_data(self, data):
        if self.tags[-1:] not in (["style"], ["script"]):
            self.words.append(data)
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data.strip()

    def table(self, first):
        """Return the rows, by their first cell, that follow the header whose first cell is `first`."""
        start = next(place for place, row in enumerate(self.rows) if row[0] == first)
        rows = {}
        for row in self.rows[start + 1 :]:
            if len(row) != len(self.rows[start]):
                break
            rows[row[0]] = row[1:]
        return rows


def page_of(settings, account, period="last_full_week", code="en"):
    write_reports(settings)
    return Page((settings.published_path / LINK / file_name(account, period, code)).read_text())


def words_of(page):
    return " ".join(" ".join(page.words).split())


def one(settings, query, *parameters):
    with reader(settings) as connection:
        return connection.execute(query, parameters).fetchall()


# Which days


@pytest.mark.parametrize(
    ("name", "last", "first", "end"),
    [
        ("last_full_month", "2025-12-31", "2025-11-01", "2025-11-30"),
        ("last_full_month", "2026-01-01", "2025-12-01", "2025-12-31"),
        ("last_full_month", "2024-03-15", "2024-02-01", "2024-02-29"),
        ("last_full_quarter", "2026-02-10", "2025-10-01", "2025-12-31"),
        ("last_full_quarter", "2025-12-31", "2025-07-01", "2025-09-30"),
        ("last_full_week", "2026-01-04", "2025-12-22", "2025-12-28"),
        ("last_full_week", "2026-01-05", "2025-12-29", "2026-01-04"),
        ("last_28_days", "2026-03-01", "2026-02-01", "2026-02-28"),
    ],
)
def test_a_period_is_over_before_the_last_day(name, last, first, end):
    assert latest_period(name, date.fromisoformat(last)) == Period(
        date.fromisoformat(first), date.fromisoformat(end)
    )


@pytest.mark.parametrize(
    ("begins", "expected"),
    [
        ("2025-01-01", ("2025-11-01", "2025-11-30", "2025-10-02", "2025-10-31")),
        ("2025-10-02", ("2025-11-01", "2025-11-30", "2025-10-02", "2025-10-31")),
        ("2025-10-22", ("2025-11-21", "2025-11-30", "2025-10-22", "2025-10-31")),
        ("2025-10-31", ("2025-11-30", "2025-11-30", "2025-10-31", "2025-10-31")),
        ("2025-11-01", None),
    ],
)
def test_only_days_with_data_on_both_sides_are_compared(begins, expected):
    november = Period(date(2025, 11, 1), date(2025, 11, 30))
    compared = compared_periods(november, date.fromisoformat(begins))
    shown = compared and tuple(str(day) for side in compared for day in (side.first, side.last))
    assert shown == expected


def test_the_last_day_is_that_of_the_accounts_own_clock():
    late = "2026-03-31T23:30:00Z"
    assert last_day({"time_zone": "Europe/Rome", "data_through": late}) == date(2026, 4, 1)
    assert last_day({"time_zone": "America/New_York", "data_through": late}) == date(2026, 3, 31)
    assert last_day({"time_zone": "Europe/Rome", "data_through": None}) is None


# The page


@pytest.mark.parametrize("code", LANGUAGES)
def test_the_figures_of_the_page_are_those_of_the_macros(settings, code):
    page, language = page_of(settings, "demo", code=code), Language(code)
    assert page.language == code
    last = last_day(current_release(settings).accounts["demo"])
    period = latest_period("last_full_week", last)
    call = f"('{period.first}', '{period.last}', accounts := ['demo'])"
    columns = ", ".join(headline.measure for headline in figures.HEADLINES)
    (values,) = one(settings, f"select {columns} from report_overview{call}")
    before = "report_overview(?, ?, accounts := ['demo'])"
    days = period.first - timedelta(7), period.last - timedelta(7)
    (values_before,) = one(settings, f"select {columns} from {before}", *days)
    words = words_of(page)
    assert values[0] > 0
    assert values != values_before
    for headline, value, was in zip(figures.HEADLINES, values, values_before, strict=True):
        label = language(f"column.{headline.measure}")
        if value is not None:
            assert f"{label} {write_value(language, headline.kind, value)}" in words
        sides = {headline.measure: value}, {headline.measure: was}
        assert write_change(language, headline.kind, difference(headline, *sides)) in words

    for title, macro, name in (
        ("agent_name", "report_by_agent", "agent_name"),
        ("tag", "report_by_tag", "tag"),
    ):
        shown = {key: row[:2] for key, row in page.table(language(f"column.{title}")).items()}
        expected = one(settings, f"select {name}, conversations, messages from {macro}{call}")
        assert shown == {
            language.code_name("name", key): [language.count(count), language.count(sent)]
            for key, count, sent in expected
        }
        assert list(shown)[-1] in (language("name.Unassigned"), language("name.Untagged"))
    ratings = page.table(language("column.rating"))
    ((*expected,),) = one(
        settings, f"select rating_1, rating_2, rating_3, rating_4, rating_5 from report_overview{call}"
    )
    assert [int(ratings[str(stars)][0]) for stars in range(1, 6)] == expected


def test_every_figure_is_explained_in_both_languages(settings):
    for code in LANGUAGES:
        page, language = page_of(settings, "demo", code=code), Language(code)
        for link in page.links:
            if link[0] == "#":
                assert language.definition(link[1:]) in words_of(page)
        assert [link for link in page.links if link[0] == "#"]


def test_a_page_loads_nothing_is_small_and_names_from_exports_are_only_text(settings):
    write_reports(settings)
    write_status(settings, check_freshness(settings), None, [HOSTILE])
    folder = settings.published_path / LINK
    for path in [*folder.iterdir(), *settings.published_path.glob("status*.html")]:
        text = path.read_text()
        page = Page(text)
        assert page.loads == [], path
        assert page.handlers == []
        assert not set(page.tags) & {"iframe", "link", "img", "object", "embed", "base", "form"}
        assert page.tags.count("script") == path.name.startswith("status")
        assert "url(" not in text
        assert "@import" not in text
        assert path.stat().st_size < 400_000
        # The charts are there twice; two elements of one id would draw each other's parts.
        ids = re.findall(r'\bid="([^"]*)"', text)
        assert len(ids) == len(set(ids))
    page = page_of(settings, "demo")
    assert HOSTILE in page.table("Agent")
    assert HOSTILE in page.table("Tag")


def test_links_lead_into_the_report_pages_behind_a_proxy_path(settings):
    links = page_of(settings, "demo", "last_28_days", "it").links
    period = latest_period("last_28_days", last_day(current_release(settings).accounts["demo"]))
    into = [urlsplit(link) for link in links if link.startswith("http")]
    assert {link.path for link in into} == {"/a/reports/", "/a/reports/by-agent", "/a/reports/details"}
    for link in into:
        assert (link.scheme, link.netloc) == ("https", "example.com")
        assert (
            parse_qs(link.query).items()
            >= {
                "from": [str(period.first)],
                "to": [str(period.last)],
                "accounts": ["demo"],
                "lang": ["it"],
            }.items()
        )
    agents = [parse_qs(link.query)["agents"][0] for link in into if link.path.endswith("by-agent")]
    assert {"demo:1", "Unassigned"} < set(agents)
    for link in links:
        assert link.startswith((PAGES, "#", "index.it.html"))
    assert page_link(Settings(home=settings.home)) == "http://127.0.0.1:8501/"


def test_the_index_lists_every_report_and_the_status_page(settings):
    write_reports(settings)
    folder = settings.published_path / LINK
    for code in LANGUAGES:
        page = Page((folder / index_name(code)).read_text())
        assert page.language == code
        linked = {link for link in page.links if "/" not in link and not link.startswith("index")}
        assert linked == {
            file_name(account, period, code) for account in ("demo", "second") for period in periods(settings)
        }
        for link in linked:
            assert (folder / link).is_file()
        assert f"../{index_name(code, 'status')}" in page.links


def test_a_page_of_few_values_marks_them_and_one_of_many_does_not(settings, monkeypatch):
    monkeypatch.setattr(report, "FEW", 10_000)
    marked = words_of(page_of(settings, "demo")).count("(n = ")
    monkeypatch.setattr(report, "FEW", 1)
    assert words_of(page_of(settings, "demo")).count("(n = ") == 1  # the one in the legend
    assert marked > 10


def test_a_page_without_data_or_without_comparison_says_why(settings):
    with reader(settings) as connection:
        release = current_release(settings)
        about = release.accounts["demo"]

        def pages(instant):
            release.accounts["demo"] = about | {"data_through": instant}
            return {
                name: words_of(Page(text)) for name, text in render(settings, connection, release, "demo")
            }

        month = file_name("demo", "last_full_month", "en")
        april = pages("2026-05-03T10:00:00Z")
        assert (
            "Only 12 of 30 days have data on both sides: changes compare 19 Apr 2026 to 30 Apr 2026 with"
            " 20 Mar 2026 to 31 Mar 2026." in april[month]
        )
        assert "still coming in" in april[month]
        march = pages("2026-04-20T10:00:00Z")[month]
        assert (
            "No changes are shown: the days before the period have no data (data begins on 20 Mar 2026)"
            in march
        )
        assert "%, worse" not in march
        assert "still coming in" not in march
        empty = pages("2026-12-21T10:00:00Z")[month]
        assert "1 Nov 2026 to 30 Nov 2026" in empty
        assert "20 Mar 2026 to 21 Dec 2026" in empty
        assert all("has no data yet" in text or "non ha ancora dati" in text for text in pages(None).values())


@pytest.mark.parametrize(
    ("kind", "better", "value", "was", "n", "expected"),
    [
        ("seconds", False, 120, 100, FEW, "worse"),
        ("seconds", False, 80, 100, FEW, "better"),
        ("seconds", False, 80, 100, FEW - 1, ""),
        ("seconds", False, 104, 100, FEW, ""),
        ("share", True, 0.70, 0.73, FEW, "worse"),
        ("share", True, 0.72, 0.73, FEW, ""),
        ("rating", True, 4.0, 4.01, FEW, ""),
        ("rating", True, 4.2, 4.0, FEW, "better"),
        ("seconds", None, 200, 100, FEW, ""),
        ("seconds", False, None, 100, FEW, ""),
        ("seconds", False, 100, 0, FEW, ""),
    ],
)
def test_a_change_is_good_or_bad_only_if_it_is_material(kind, better, value, was, n, expected):
    headline = Headline("figure", kind, "n", better)
    now, before = {"figure": value, "n": 100}, {"figure": was, "n": n}
    assert cue(headline, difference(headline, now, before), now, before) == expected


def test_values_and_changes_are_written_in_the_language():
    italian = Language("it")
    assert write_value(italian, "seconds", None) == UNKNOWN
    assert write_value(italian, "share", 0.123) == "12,3 %"
    assert write_change(italian, "seconds", 0.2) == "+20,0 %"
    assert write_change(italian, "share", -0.03) == "-3,0 pp"
    assert write_change(italian, "rating", -0.07) == "-0,07"
    assert write_change(italian, "count", None) == ""


# The status page


def test_the_status_page_has_verdicts_checks_rejected_records_and_the_next_run(settings):
    release = current_release(settings)
    now = datetime.fromisoformat(release.accounts["demo"]["data_through"]) + timedelta(hours=50)
    freshness = check_freshness(settings, now)
    run = datetime(2026, 5, 5, 5, tzinfo=UTC)
    path = write_status(settings, freshness, run, ["fct_messages"])
    page, text = Page(path.read_text()), path.read_text()
    words = words_of(page)
    assert f"Status of the reports: {freshness.verdict}" in words
    rows = page.table("Account")
    for account in freshness.accounts:
        assert rows[account.account_id][0] == account.verdict
        assert rows[account.account_id][-1].startswith(account.reasons()[0])
    assert "Next scheduled run : 5 May 2026, 05:00 (Europe/Rome)" in words
    assert "The last checks failed on fct_messages" in words
    assert "1 checks passed, 1 warned." in words
    ((reason, records),) = one(
        settings, "select any_value(reason), sum(records_rejected)::int from rejected_records"
    )
    assert reason in words
    assert f"{records} records were rejected" in words
    assert f'data-changes-at="{freshness.changes_at.isoformat()}"' in text

    italian = Page((settings.published_path / "status.it.html").read_text())
    assert italian.language == "it"
    assert "Stato dei report" in words_of(italian)
    assert index_name("it", "status") in page.links


def test_the_status_page_of_nothing_says_so_and_the_next_run_is_off(tmp_path):
    settings = Settings(home=tmp_path)
    words = words_of(Page(write_status(settings, check_freshness(settings), None, []).read_text()))
    assert "stale" in words
    assert "Nothing is published yet." in words
    assert "Next scheduled run : off" in words


# Where the pages lie


def test_the_pages_go_with_their_release_and_swap_at_once(settings, made):
    pages = write_reports(settings)
    release = current_release(settings)
    assert list(pages) == ["demo", "second"]
    assert pages["demo"].name == "demo.last_full_week.en.html"
    assert {path.name for path in pages["demo"].parent.iterdir()} == {
        "index.html",
        "index.it.html",
        *(
            file_name(account, period, code)
            for account in pages
            for period in ("last_full_week", "last_28_days", "last_full_month")
            for code in ("en", "it")
        ),
    }
    assert has_reports(settings, release)
    before = {account: path.read_bytes() for account, path in pages.items()}
    write_reports(settings)
    assert {account: path.read_bytes() for account, path in pages.items()} == before

    other = settings.model_copy(update={"report_period": "last_full_quarter"})
    assert not has_reports(other, release)
    write_reports(other)
    assert has_reports(other, release)
    assert has_reports(settings, release)

    shutil.copy(made.candidate_path, settings.candidate_path)
    newer = settings.model_copy(update={"keep_releases": 1})
    publish(newer, {})
    assert not has_reports(newer, current_release(newer))
    assert not pages["demo"].exists()
    write_reports(newer)
    assert has_reports(newer, current_release(newer))
    assert len(list((newer.published_path / "releases").iterdir())) == 1


def test_a_crash_between_pages_leaves_the_last_ones_to_be_read(settings, made, monkeypatch):
    pages = write_reports(settings)
    before = {path: path.read_bytes() for path in pages.values()}
    shutil.copy(made.candidate_path, settings.candidate_path)
    publish(settings, {})

    def crash(settings, connection, release, account):
        if account == "second":
            raise KeyboardInterrupt
        return [("demo.last_full_week.en.html", "new")]

    with monkeypatch.context() as patch:
        patch.setattr(report, "render", crash)
        with pytest.raises(KeyboardInterrupt):
            write_reports(settings)
    assert {path: path.read_bytes() for path in pages.values()} == before

    # What a crash before the swap of the link leaves must not trouble the next release.
    (settings.published_path / ".building-report").symlink_to("releases")
    publish(settings, {})
    assert not (settings.published_path / ".building-report").is_symlink()
    write_reports(settings)
    assert has_reports(settings, current_release(settings))


def test_a_copy_of_the_home_that_followed_the_link_is_as_good_as_the_home(settings, tmp_path):
    write_reports(settings)
    shutil.copytree(settings.published_path, tmp_path / "copy" / "published")
    copy = Settings(home=tmp_path / "copy", report_period=settings.report_period)
    assert has_reports(copy, current_release(copy))
    page = write_reports(copy)["demo"]
    assert page.parent.is_symlink()
    page.unlink()
    assert not has_reports(copy, current_release(copy))


def test_without_a_release_there_is_nothing_to_report_on(tmp_path):
    with pytest.raises(PublishError, match="no release"):
        write_reports(Settings(home=tmp_path))


def test_a_release_whose_report_is_missing_is_not_up_to_date(sample, tmp_path):
    shutil.copytree(sample.home, tmp_path / "home", symlinks=True)
    settings = Settings(home=tmp_path / "home", dagster=tmp_path / "home" / "dagster")
    assert is_up_to_date(settings)
    assert not is_up_to_date(settings.model_copy(update={"report_period": "last_full_quarter"}))
    (settings.published_path / "report").unlink()
    assert not is_up_to_date(settings)


# The previews


def test_every_preview_is_of_a_published_table_and_shows_a_chart_and_rows(made):
    assert PREVIEWS.keys() <= TABLES.keys()
    last = last_day(current_release(made).accounts["demo"])
    with reader(made) as connection:
        measure_weeks(connection, last)
        assert preview(connection, "dim_agents", last) is None
        for table in PREVIEWS:
            about, chart, rows = preview(connection, table, last).split("\n\n")
            assert re.fullmatch(r"!\[[^]]+\]\(data:image/svg\+xml;base64,[A-Za-z0-9+/=]+\)", chart), about
            lines = rows.splitlines()
            assert len(lines) > 3
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1


def test_a_preview_says_what_the_macro_says_and_names_are_only_text(made):
    last = last_day(current_release(made).accounts["demo"])
    with reader(made) as connection:
        markdown = preview(connection, "agg_by_agent", last)
        count = connection.execute(
            "select conversations from report_by_agent(?, ?) where agent_id = 'demo:1'",
            [last - timedelta(27), last],
        ).fetchone()[0]
    assert "<script" not in markdown
    (line,) = [line for line in markdown.splitlines() if "script" in line]
    assert line.startswith(
        r"| demo\: &lt;script&gt;alert\(&quot;x&quot;\)&lt;/script&gt; \| \*\*b\*\* \[l\]\("
    )
    assert f" | {count} | " in line
