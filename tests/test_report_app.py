"""The report pages without a browser: texts, formats, downloads, the URL, and access to accounts."""

import csv
import io
import string
from datetime import date

import duckdb
import openpyxl
import pandas as pd
import pytest
import synthetic_candidate
from hypothesis import example, given, settings
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from orchestration.publish.reader import reader
from orchestration.publish.release import current_release
from orchestration.publish.store import publish
from orchestration.settings import PROJECT, Settings
from reports.access import AccessError, allowed_accounts
from reports.downloads import as_csv, as_xlsx
from reports.filters import Filters, day, number, one_of, some_of
from reports.language import LANGUAGES, Language, catalogue, preferred
from reports.release import Queries
from reports.tables import Column, as_file, mark, written

PERIOD = date(2026, 3, 25), date(2026, 4, 5)
FILTERS = Filters(*PERIOD)
FORMULAS = ["=1+1", "+1", "-1", "@sum(a)", "\tx", "\rx"]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    settings = Settings(home=tmp_path_factory.mktemp("reports"), memory_limit="500MB", threads=1)
    synthetic_candidate.write(settings.candidate_path, conversations=200)
    publish(settings, {})
    return settings


# Texts and formats


def placeholders(text):
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name)


def test_every_language_has_the_same_texts_with_the_same_placeholders():
    texts = {code: {key: placeholders(text) for key, text in catalogue(code).items()} for code in LANGUAGES}
    assert texts["it"] == texts["en"]
    assert all(text.strip() for code in LANGUAGES for text in catalogue(code).values())


def test_every_text_is_used():
    code = "".join(path.read_text() for path in (PROJECT / "reports").rglob("*.py"))
    named_in_full = [
        key for key in catalogue("en") if key.startswith(("agents.", "empty.", "note.", "overview."))
    ]
    assert [key for key in named_in_full if f'"{key}"' not in code] == []


@pytest.mark.parametrize(
    ("kind", "value", "english", "italian"),
    [
        ("count", 1234567, "1,234,567", "1.234.567"),
        ("rating", 4.256, "4.26", "4,26"),
        ("share", 0.1234, "12.3 %", "12,3 %"),
        ("change", -0.5, "-50.0 %", "-50,0 %"),
        ("signed", 1200, "+1,200", "+1.200"),
        ("seconds", 0.4, "0 s", "0 s"),
        ("seconds", 59.6, "1 min", "1 min"),
        ("seconds", 3725, "1 h 2 min", "1 h 2 min"),
        ("seconds", 86400 * 1234 + 3600, "1,234 d 1 h", "1.234 g 1 h"),
        ("day", date(2026, 3, 9), "9 Mar 2026", "9 mar 2026"),
        ("weekday", 7, "Sun", "dom"),
        ("origin", "inbound", "Inbound", "Dal cliente"),
        ("origin", "carrier pigeon", "carrier pigeon", "carrier pigeon"),
        ("name", "Unassigned", "Unassigned", "Non assegnate"),
        ("list", ["a", "Untagged"], "a, Untagged", "a, Senza tag"),
        ("yes", True, "Yes", "Sì"),
        ("seconds", None, "—", "—"),
        ("count", float("nan"), "—", "—"),
        ("count", pd.Series([None], dtype="float64")[0], "—", "—"),
    ],
)
def test_values_are_formatted_for_the_language(kind, value, english, italian):
    assert [written(Language(code), kind, value) for code in ("en", "it")] == [english, italian]


def test_the_default_language_is_that_of_the_browser_or_english():
    assert [preferred(locale) for locale in ("it-CH", "IT", "de-DE", None, "")] == [
        "it",
        "it",
        "en",
        "en",
        "en",
    ]


def test_an_average_of_few_values_shows_their_number():
    language = Language("en")
    assert [mark(language, n) for n in (None, 0, 1, 4, 5, float("nan"))] == [
        "",
        "",
        "(n = 1)",
        "(n = 4)",
        "",
        "",
    ]


# Downloads


def test_no_value_of_a_csv_is_a_formula():
    frame = pd.DataFrame({"=name": [*FORMULAS, "a=b"], "number": [-1.5, -2, 3, 4, 5, 6, 7]})
    found = pd.read_csv(io.BytesIO(as_csv(frame)), lineterminator="\n", encoding="utf-8-sig", dtype=str)
    assert list(found.columns) == ["'=name", "number"]
    assert list(found["'=name"]) == [*(f"'{value}" for value in FORMULAS), "a=b"]
    assert list(found["number"].astype(float)) == [-1.5, -2, 3, 4, 5, 6, 7]


@settings(deadline=None, max_examples=200)
@given(st.lists(st.text(st.sampled_from("=+-@\uff1d;,|\"'\t\r\na ")), min_size=1, max_size=3))
@example(["a;=1+1"])
def test_no_cell_of_a_csv_is_a_formula_for_any_delimiter(values):
    text = as_csv(pd.DataFrame([values], columns=[str(n) for n in range(len(values))])).decode("utf-8-sig")
    for delimiter in ",;|\t":
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\uff1d"))]


def test_no_cell_of_a_workbook_is_a_formula_or_a_link():
    values = ["=1+1", "+1", "-1", "@sum(a)", "https://example.com", "00123"]
    sheet = openpyxl.load_workbook(io.BytesIO(as_xlsx(pd.DataFrame({"=name": values})))).active
    cells = [row[0] for row in sheet.iter_rows()]
    assert [cell.value for cell in cells] == ["=name", *values]
    assert {cell.data_type for cell in cells} == {"s"}
    assert not any(cell.hyperlink for cell in cells)


def test_a_download_has_the_shown_columns_and_the_number_of_values():
    frame = pd.DataFrame(
        {"tag": ["Untagged", "x"], "reply_avg": [1.23456, None], "reply_n": [3, 0], "other": [1, 2]}
    )
    columns = [Column("tag", "name"), Column("reply_avg", "seconds", "reply_n")]
    found = as_file(Language("it"), frame, columns)
    assert list(found.columns) == ["Tag", "Tempo di risposta medio (s)", "Tempo di risposta medio (s), n"]
    assert found.iloc[0].to_list() == ["Senza tag", 1.2346, 3]
    assert found.iloc[1, 2] == 0
    assert pd.isna(found.iloc[1, 1])


# The URL


@pytest.mark.parametrize(
    ("entry", "good", "bad"),
    [
        (day("from", PERIOD[0], *PERIOD, list), [date(2026, 4, 1)], ["2026-4-1x", "yesterday", ""]),
        (one_of("hours", ["all", "in"]), ["in"], ["out", ""]),
        (some_of("agents", ["a", "b,c"]), [["b,c"], ["a", "b,c"]], ["b", "a,b,c"]),
        (number("page"), [1, 7], ["0", "-1", "x", "1.5"]),
    ],
)
def test_a_value_written_to_the_url_is_read_back(entry, good, bad):
    assert [entry.read(entry.write(value)) for value in good] == good
    for text in bad:
        with pytest.raises(ValueError):  # noqa: PT011
            entry.read([text])


# Access


@pytest.fixture
def access(tmp_path):
    path = tmp_path / "access.csv"

    def write(content):
        path.write_text(content)
        return Settings(home=tmp_path, report_access=path)

    return write


def test_the_access_list_has_the_accounts_of_a_user(access):
    settings = access("email,account_id\nAnn@x.org,demo\nann@x.org , second\nboss@x.org,*\n\n")
    assert allowed_accounts(settings, "ann@X.org") == ("demo", "second")
    assert allowed_accounts(settings, "boss@x.org") is None
    assert allowed_accounts(settings, "eve@x.org") == ()
    assert allowed_accounts(settings, None) == ()
    assert allowed_accounts(Settings(home=settings.home), None) is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1: expected the heading"),
        ("user,account\n", "line 1: expected the heading"),
        ("email,account_id\nann@x.org\n", "line 2: expected an e-mail"),
        ("email,account_id\nann@x.org,demo\n,demo\n", "line 3: expected an e-mail"),
    ],
)
def test_an_invalid_access_list_denies_access(access, content, message):
    with pytest.raises(AccessError, match=message):
        allowed_accounts(access(content), "ann@x.org")


def test_a_missing_access_list_denies_access(tmp_path):
    with pytest.raises(AccessError, match=r"missing\.csv"):
        allowed_accounts(Settings(home=tmp_path, report_access=tmp_path / "missing.csv"), "ann@x.org")


def accounts_in_results(home, allowed, accounts):
    queries = Queries(home, current_release(home), allowed)
    filters = Filters(*PERIOD, accounts=accounts)
    conversation = "select min(conversation_id) from fct_conversations where account_id = 'second'"
    with reader(home) as connection:
        (other_conversation,) = connection.execute(conversation).fetchone()
    rows = [
        queries.report("report_details", filters)["account_id"],
        queries.report("report_by_agent", filters)["account_id"],
        queries.report("report_over_time", filters, per="tag")["account_id"],
        queries.about("report_timeline", conversation=other_conversation, accounts=accounts)["account_id"],
        queries.about("report_choices").query("filter == 'accounts'")["value"],
    ]
    return {account for column in rows for account in column} | set(queries.accounts())


@pytest.mark.parametrize("accounts", [None, [], ["second"], ["demo", "second"], ["x"]])
def test_no_query_returns_rows_of_other_accounts(home, accounts):
    assert accounts_in_results(home, ("demo",), accounts) <= {"demo"}
    assert "second" in accounts_in_results(home, None, ["second"])
    assert accounts_in_results(home, (), accounts) == set()


# Pages without a browser

PAGE = """
from reports.app import chosen_language, show_page
from reports.filters import Address

address = Address()
show_page(chosen_language(address), address, {page!r})
address.write()
"""


@pytest.fixture
def app(home, monkeypatch):
    monkeypatch.setenv("CONVERSATIONS_HOME", str(home.home))
    app = AppTest.from_file(str(PROJECT / "reports" / "app.py"), default_timeout=60)
    app.query_params.update({"from": str(PERIOD[0]), "to": str(PERIOD[1])})
    return app


def conversations(app):
    return next(metric.value for metric in app.metric if metric.label == "Conversations")


def expected(home, **filters):
    named = "".join(f", {name} := ${name}" for name in filters)
    with reader(home) as connection:
        query = f"select conversations from report_overview($a, $b{named})"
        (found,) = connection.execute(query, {"a": PERIOD[0], "b": PERIOD[1], **filters}).fetchone()
    return f"{found:,}"


def test_the_url_sets_the_filters(home, app):
    app.query_params.update({"origins": ["flow", "inbox"], "hours": "in"})
    app.run()
    assert not app.exception
    assert conversations(app) == expected(home, origins=["flow", "inbox"], working_hours=True)


def test_a_filter_is_written_to_the_url(home, app):
    app.run()
    app.multiselect(key="origins").select("flow").run()
    assert app.query_params["origins"] == "flow"
    assert conversations(app) == expected(home, origins=["flow"])


def test_unknown_values_in_the_url_are_named(app):
    app.query_params.update({"agents": "unknown", "hours": "never", "from": "yesterday"})
    app.run()
    assert "Agent" in app.warning[0].value
    assert not app.exception


def test_a_url_does_not_give_access_to_another_account(home, app, tmp_path, monkeypatch):
    path = tmp_path / "access.csv"
    path.write_text("email,account_id\nann@x.org,demo\n")
    monkeypatch.setenv("CONVERSATIONS_REPORT_ACCESS", str(path))
    app.query_params["accounts"] = "second"
    app.run()
    assert [warning.value for warning in app.warning] == [Language("en")("empty.not_known")]
    assert not app.metric
    assert not app.multiselect


def test_a_period_beyond_the_data_is_limited_to_it_and_the_page_states_so(app):
    app.query_params.update({"from": "2020-01-01", "to": "2030-01-01"})
    app.run()
    assert "has data from 20 Mar 2026" in app.info[0].value
    assert app.query_params["from"] == "2026-03-20"
    assert app.query_params["to"] < "2026-05"


def test_a_relative_period_stays_relative_in_the_url(app):
    app.query_params.clear()
    app.run()
    assert dict(app.query_params) == {"period": "last_28_days"}
    app.selectbox(key="period").select("last_week").run()
    assert dict(app.query_params) == {"period": "last_week"}
    app.selectbox(key="period").select("custom").run()
    assert set(app.query_params) == {"from", "to"}


def test_periods_are_compared_only_on_days_with_data(home, app):
    app.query_params.update({"from": "2026-03-25", "to": "2026-04-01"})
    app.run()
    (value,) = (metric.delta for metric in app.metric if metric.label == "Conversations")
    with reader(home) as connection:
        query = "select conversations from report_overview($a, $b)"
        now, before = (
            connection.execute(query, {"a": start, "b": end}).fetchone()[0]
            for start, end in (("2026-03-28", "2026-04-01"), ("2026-03-20", "2026-03-24"))
        )
    assert value == Language("en").change(now / before - 1)
    assert any("Only 5 of 8 days" in caption.value for caption in app.caption)


def test_without_earlier_data_no_change_is_shown(app):
    app.query_params.update({"from": "2026-03-20", "to": "2026-04-01"})
    app.run()
    assert {metric.delta for metric in app.metric if "n =" not in (metric.delta or "")} == {""}


def test_filters_of_the_details_that_are_unknown_are_named(home, monkeypatch):
    monkeypatch.setenv("CONVERSATIONS_HOME", str(home.home))
    app = AppTest.from_string(PAGE.format(page="details"), default_timeout=60)
    app.query_params.update({"status": ["closed", "lost"], "sort": "x", "lang": "xx"})
    app.run()
    assert "Language, Sort by and Status" in app.warning[0].value


@pytest.mark.parametrize("name", ["now", "by_agent", "by_tag", "by_place", "details"])
def test_every_page_renders_without_errors(home, monkeypatch, name):
    monkeypatch.setenv("CONVERSATIONS_HOME", str(home.home))
    app = AppTest.from_string(PAGE.format(page=name), default_timeout=60)
    app.query_params.update({"from": str(PERIOD[0]), "to": str(PERIOD[1]), "lang": "it"})
    app.run()
    assert not app.exception
    assert not app.error
    assert len(app.get("dataframe")) > 0


def test_the_tiles_of_now_match_the_macro(home, monkeypatch):
    monkeypatch.setenv("CONVERSATIONS_HOME", str(home.home))
    app = AppTest.from_string(PAGE.format(page="now"), default_timeout=60).run()
    with reader(home) as connection:
        query = "select open, waiting, unassigned from report_open_counts() where per = 'total'"
        expected = connection.execute(query).fetchone()
    shown = {metric.label: metric.value for metric in app.metric}
    labels = ("Open", "Awaiting reply", "Unassigned")
    assert tuple(shown[label] for label in labels) == tuple(f"{number:,}" for number in expected)


def test_a_reversed_period_is_an_error_on_the_page(app):
    app.query_params.update({"from": str(PERIOD[1]), "to": str(PERIOD[0])})
    app.run()
    assert app.info[0].value == Language("en")("empty.period_reversed")


def test_without_a_release_the_page_names_the_command_to_run(app, tmp_path, monkeypatch):
    monkeypatch.setenv("CONVERSATIONS_HOME", str(tmp_path))
    app.run()
    assert "make run" in app.info[0].value


def test_a_release_of_another_version_is_an_error_on_the_page(app, tmp_path, monkeypatch):
    settings = Settings(home=tmp_path, memory_limit="500MB", threads=1)
    monkeypatch.setenv("CONVERSATIONS_HOME", str(tmp_path))
    synthetic_candidate.write(settings.candidate_path, conversations=50)
    publish(settings, {})
    with duckdb.connect(settings.published_path / "reports.duckdb") as connection:
        connection.execute("drop macro table report_coverage")
    app.run()
    assert app.error[0].value == Language("en")("empty.older_release")


def test_a_damaged_release_is_an_error_without_a_stack_trace(app, tmp_path, monkeypatch):
    settings = Settings(home=tmp_path, memory_limit="500MB", threads=1)
    monkeypatch.setenv("CONVERSATIONS_HOME", str(tmp_path))
    synthetic_candidate.write(settings.candidate_path, conversations=50)
    publish(settings, {})
    file = settings.published_path / "reports.duckdb"
    file.chmod(0o644)
    content = file.read_bytes()
    for place in (content.index(b"Agent "), content.rindex(b"Agent ")):
        file.write_bytes(content[:place] + b"Damage" + content[place + 6 :])
        app.run()
        assert not app.exception
        assert app.error[0].value == Language("en")("empty.damaged_release")


def test_a_new_release_is_shown_after_a_reload(home, app, tmp_path, monkeypatch):
    settings = Settings(home=tmp_path, memory_limit="500MB", threads=1)
    monkeypatch.setenv("CONVERSATIONS_HOME", str(tmp_path))
    synthetic_candidate.write(settings.candidate_path, conversations=100)
    publish(settings, {})
    app.run()
    assert conversations(app) == expected(settings)
    synthetic_candidate.write(settings.candidate_path, conversations=150, salt=1, build_id="another")
    release = publish(settings, {})
    app.run()
    assert conversations(app) == expected(settings)
    assert any(release.release_id in caption.value for caption in app.caption)
