"""The report to send and the previews in Dagster: the macros' figures, safe, whole, and of the right days."""

import re
import shutil
from datetime import date, timedelta
from html.parser import HTMLParser

import duckdb
import pytest
import synthetic_candidate

from orchestration.automation.jobs import is_up_to_date
from orchestration.publish.page import report
from orchestration.publish.page.periods import Period, last_day, period_and_the_one_before
from orchestration.publish.page.report import has_reports, write_reports
from orchestration.publish.previews import PREVIEWS, preview
from orchestration.publish.reader import reader
from orchestration.publish.release import PublishError, current_release
from orchestration.publish.store import publish
from orchestration.publish.tables import TABLES
from orchestration.settings import Settings

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
    return Settings(home=tmp_path, report_period="last_full_week")


class Page(HTMLParser):
    """What a reader sees of a page, the cells of its tables, and everything it would load or run."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.loads, self.handlers, self.rows, self.words = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
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
        if self.tags[-1:] != ["style"]:
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


def page_of(settings, account):
    return Page(write_reports(settings)[account].read_text())


def one(settings, query, *parameters):
    with reader(settings) as connection:
        return connection.execute(query, parameters).fetchall()


# Which days


@pytest.mark.parametrize(
    ("name", "last", "expected", "before"),
    [
        ("last_full_month", "2025-12-31", ("2025-11-01", "2025-11-30"), ("2025-10-01", "2025-10-31")),
        ("last_full_month", "2026-01-01", ("2025-12-01", "2025-12-31"), ("2025-11-01", "2025-11-30")),
        ("last_full_month", "2024-03-15", ("2024-02-01", "2024-02-29"), ("2024-01-01", "2024-01-31")),
        ("last_full_quarter", "2026-02-10", ("2025-10-01", "2025-12-31"), ("2025-07-01", "2025-09-30")),
        ("last_full_quarter", "2025-12-31", ("2025-07-01", "2025-09-30"), ("2025-04-01", "2025-06-30")),
        ("last_full_week", "2026-01-04", ("2025-12-22", "2025-12-28"), ("2025-12-15", "2025-12-21")),
        ("last_full_week", "2026-01-05", ("2025-12-29", "2026-01-04"), ("2025-12-22", "2025-12-28")),
        ("last_28_days", "2026-03-01", ("2026-02-01", "2026-02-28"), ("2026-01-04", "2026-01-31")),
    ],
)
def test_a_period_is_over_before_the_last_day_and_follows_the_one_before(name, last, expected, before):
    periods = period_and_the_one_before(name, date.fromisoformat(last))
    assert periods == tuple(Period(*map(date.fromisoformat, days)) for days in (expected, before))


def test_the_last_day_is_that_of_the_accounts_own_clock():
    late = "2026-03-31T23:30:00Z"
    assert last_day({"time_zone": "Europe/Rome", "data_through": late}) == date(2026, 4, 1)
    assert last_day({"time_zone": "America/New_York", "data_through": late}) == date(2026, 3, 31)
    assert last_day({"time_zone": "Europe/Rome", "data_through": None}) is None


# The page


def test_the_figures_of_the_page_are_those_of_the_macros(settings):
    page = page_of(settings, "demo")
    last = last_day(current_release(settings).accounts["demo"])
    period, before = period_and_the_one_before("last_full_week", last)
    call = f"('{period.first}', '{period.last}', accounts := ['demo'])"
    ((conversations, messages, response, score),) = one(
        settings,
        f"select conversations, messages, first_response_median, csat_score from report_overview{call}",
    )
    ((conversations_before,),) = one(
        settings,
        "select conversations from report_overview(?, ?, accounts := ['demo'])",
        before.first,
        before.last,
    )
    words = " ".join(" ".join(page.words).split())
    assert 0 < conversations != conversations_before
    assert (
        f"Conversations {conversations} {report.change(conversations, conversations_before, 'number')}"
        in words
    )
    assert f"Messages {messages}" in words
    assert f"First response time, median {report.duration(response)}" in words
    assert f"Satisfied {report.percent(score)}" in words

    for title, macro, name in (("Agent", "report_by_agent", "agent_name"), ("Tag", "report_by_tag", "tag")):
        shown = {key: row[:2] for key, row in page.table(title).items()}
        expected = one(settings, f"select {name}, conversations, messages from {macro}{call}")
        assert shown == {key: [str(count), str(sent)] for key, count, sent in expected}
    ratings = page.table("Rating")
    ((*expected,),) = one(
        settings, f"select rating_1, rating_2, rating_3, rating_4, rating_5 from report_overview{call}"
    )
    assert [int(ratings[str(stars)][0]) for stars in range(1, 6)] == expected


def test_the_page_loads_nothing_and_names_from_exports_are_only_text(settings):
    page = page_of(settings, "demo")
    text = write_reports(settings)["demo"].read_text()
    assert page.loads == []
    assert page.handlers == []
    assert not set(page.tags) & {"script", "iframe", "link", "img", "object", "embed", "a"}
    assert "url(" not in text
    assert "@import" not in text
    assert "<script" not in text
    assert HOSTILE in page.table("Agent")
    assert HOSTILE in page.table("Tag")
    # The charts stand twice, for wide and narrow; two elements of one id would draw each other's parts.
    ids = re.findall(r'\bid="([^"]*)"', text)
    assert len(ids) == len(set(ids))


def test_a_page_of_few_values_marks_them_and_one_of_many_does_not(settings, monkeypatch):
    monkeypatch.setattr(report, "FEW", 10_000)
    marked = page_of(settings, "demo").tags.count("sup")
    monkeypatch.setattr(report, "FEW", 1)
    assert page_of(settings, "demo").tags.count("sup") == 1  # the one in the legend
    assert marked > 10


def test_a_page_without_data_or_without_comparison_says_why(settings):
    settings = settings.model_copy(update={"report_period": "last_full_quarter"})
    words = " ".join(" ".join(page_of(settings, "demo").words).split())
    assert "No comparison: the data of this account begins on 20 March 2026" in words
    with reader(settings) as connection:
        release = current_release(settings)
        early = {**release.accounts["demo"], "data_through": "2026-03-21T10:00:00Z"}
        late = {**release.accounts["demo"], "data_through": "2026-12-21T10:00:00Z"}
        for account, reason in [
            (early, "The data of this account begins on 20 March 2026; the period ends before it."),
            (late, "goes from 20 March 2026 to 21 December 2026; in between, these days are empty."),
            ({**early, "data_through": None}, "no message of this account has been loaded yet"),
        ]:
            release.accounts["demo"] = account
            text = report.render(connection, release, "demo", "last_full_month")
            words = " ".join(" ".join(Page(text).words).split())
            assert "Nothing to report" in words
            assert reason in words


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (None, report.UNKNOWN),
        (0, "0 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (3599, "1 h 00 min"),
        (86399, "1 d 0 h"),
    ],
)
def test_a_duration_is_written_in_its_two_largest_units(seconds, written):
    assert report.duration(seconds) == written


@pytest.mark.parametrize(
    ("value", "before", "written", "expected"),
    [
        (12, 10, "number", "+20%"),
        (9, 10, "duration", "-10%"),
        (5, 0, "number", report.UNKNOWN),
        (None, 3, "duration", report.UNKNOWN),
        (0.7, 0.73, "percent", "-3 points"),
        (0.5, 0.0, "percent", "+50 points"),
        (4.0, 4.07, "rating", "-0.07"),
    ],
)
def test_a_change_is_told_in_the_unit_that_fits(value, before, written, expected):
    assert report.change(value, before, written) == expected


# Where the pages lie


def test_the_pages_go_with_their_release_and_swap_at_once(settings, made):
    pages = write_reports(settings)
    release = current_release(settings)
    assert list(pages) == ["demo", "second"]
    assert has_reports(settings, release)
    before = {account: path.read_bytes() for account, path in pages.items()}
    write_reports(settings)
    assert {account: path.read_bytes() for account, path in pages.items()} == before

    other = settings.model_copy(update={"report_period": "last_28_days"})
    assert not has_reports(other, release)
    write_reports(other)
    assert has_reports(other, release)
    assert not has_reports(settings, release)

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

    def crash(connection, release, account, period):
        if account == "second":
            raise KeyboardInterrupt
        return "new"

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
    assert not is_up_to_date(settings.model_copy(update={"report_period": "last_full_week"}))
    (settings.published_path / "report").unlink()
    assert not is_up_to_date(settings)


# The previews


def test_every_preview_is_of_a_published_table_and_shows_a_chart_and_rows(made):
    assert PREVIEWS.keys() <= TABLES.keys()
    last = last_day(current_release(made).accounts["demo"])
    with reader(made) as connection:
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
