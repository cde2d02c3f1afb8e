"""The report pages in a real browser, on the sample: what is seen and downloaded is what SQL says."""

import io
import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import openpyxl
import pandas as pd
import pytest
import synthetic_candidate
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

from orchestration.publish.reader import reader
from orchestration.publish.store import publish
from orchestration.settings import PROJECT, Settings
from reports.language import Language
from reports.tables import written
from reports.views.overview import FIGURES

pytestmark = pytest.mark.slow

PAGES = ("", "by-agent", "by-tag", "details?conversation=demo:c0000017")
PERIOD = "from=2025-11-10&to=2025-12-21"
DAYS = ("2025-11-10", "2025-12-21")
ENGLISH = Language("en")
# What axe finds and only Streamlit could mend: rule, and why. Empty: it finds nothing.
STREAMLITS_OWN: dict[str, str] = {}
MARKUP = "**bold** <b>b</b> [link](https://example.com) :red[red]"


def chromium():
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path, "no chromium: apt-get update && apt-get install -y chromium"
    return path


@contextmanager
def serve(home, **environment):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "reports/app.py", "--server.port", str(port)]
    server = subprocess.Popen(
        command,
        cwd=PROJECT,
        env=os.environ | {"CONVERSATIONS_HOME": str(home)} | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}/"
    try:
        for _ in range(120):
            try:
                urlopen(f"{address}_stcore/health", timeout=5)  # noqa: S310
                break
            except OSError:
                time.sleep(0.5)
        yield address
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(sample):
    with serve(sample.home) as address:
        yield address


@pytest.fixture
def visit(browser, address):
    """Return a function that opens a page of the pages in a browser of its own and waits for it."""
    contexts = []

    def visit(path, base=address, **options):
        context = browser.new_context(
            **{"viewport": {"width": 1400, "height": 1000}, "locale": "en-GB"} | options
        )
        context.set_default_timeout(60_000)
        contexts.append(context)
        page = context.new_page()
        page.goto(base + path)
        return settled(page)

    yield visit
    for context in contexts:
        context.close()


def settled(page):
    """Wait until the page is made and nothing of it is still to come."""
    page.wait_for_timeout(300)
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    page.wait_for_function("document.querySelectorAll('[data-testid=stSkeleton]').length == 0")
    page.wait_for_timeout(300)
    assert page.get_by_test_id("stException").count() == 0
    return page


def in_address(page, name):
    return parse_qs(urlsplit(page.url).query).get(name)


def ask(settings, query):
    with reader(settings) as connection:
        return connection.execute(query).df()


def figures(page):
    """Read the figures of the overview off the page."""
    metrics = page.get_by_test_id("stMetric").all()
    return {
        m.get_by_test_id("stMetricLabel").inner_text(): m.get_by_test_id("stMetricValue").inner_text()
        for m in metrics
    }


def expected_figures(settings, filters="", working="", language=ENGLISH):
    overview = ask(settings, f"from report_overview('{DAYS[0]}', '{DAYS[1]}'{filters})").iloc[0]
    timed = ("first_response", "reply", "total_wait", "duration")
    found = {}
    for measure, kind, _, _ in FIGURES:
        name = next((m for m in timed if measure.startswith(m)), None)
        column = measure.replace(name, name + working) if name else measure
        found[language(f"column.{measure}")] = written(language, kind, overview[column])
    return found


def file(page, kind, name):
    """Press a download button and return the file as a table; the button's tooltip names the table."""
    with page.expect_download() as download:
        page.locator(f".st-key-{kind}-{name}").get_by_role("button").click()
    content = download.value.path().read_bytes()
    if kind == "csv":
        return pd.read_csv(io.BytesIO(content), encoding="utf-8-sig")
    rows = list(openpyxl.load_workbook(io.BytesIO(content)).active.values)
    return pd.DataFrame(rows[1:], columns=rows[0])


def cell(page, column, row):
    """Read a cell of the page's first table, as a screen reader does: the table itself is drawn."""
    return (
        page.get_by_test_id("stDataFrame").first.get_by_test_id(f"glide-cell-{column}-{row}").text_content()
    )


def choose(page, label, option):
    """Choose an option of a multiselect by keyboard alone."""
    box = page.get_by_role("combobox", name=label)
    box.focus()
    page.keyboard.type(option)
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    settled(page)


# The same figures everywhere


def test_the_overview_shows_the_figures_of_the_macro(visit, sample):
    page = visit(f"?{PERIOD}")
    assert figures(page) == expected_figures(sample)
    page = visit(f"?{PERIOD}&lang=it&clock=working&hours=out")
    filters = ", working_hours := false"
    assert figures(page) == expected_figures(sample, filters, "_working", Language("it"))


def test_a_filter_changes_figures_and_address_and_the_link_shows_the_same(visit, sample):
    page = visit(f"?{PERIOD}")
    choose(page, "Agent", "Giulia")
    choose(page, "Origin", "Inbound")
    choose(page, "Conversation tag", "Reso")
    page.get_by_role("radio", name="Working time").or_(
        page.get_by_role("button", name="Working time")
    ).first.click()
    settled(page)
    assert in_address(page, "agents") == ["demo:ag-01"]
    assert (in_address(page, "origins"), in_address(page, "clock")) == (["inbound"], ["working"])
    shown = figures(page)
    filters = ", agents := ['demo:ag-01'], origins := ['inbound'], conversation_tags := ['Reso']"
    assert shown == expected_figures(sample, filters, "_working")
    assert figures(visit(page.url.split("/", 3)[3])) == shown

    page.get_by_role("link", name="By agent").click()
    page.wait_for_url("**/by-agent*")
    settled(page)
    assert in_address(page, "agents") == ["demo:ag-01"]
    agents = file(page, "csv", "Agents")
    assert agents.set_index("Agent").at["Giulia Ferri", "Conversations"] == int(shown["Conversations"])

    page.get_by_role("button", name="Reset filters").click()
    settled(page)
    assert in_address(page, "agents") is None


def test_the_agents_are_those_of_the_macro(visit, sample):
    page = visit(f"by-agent?{PERIOD}&grain=month&metric=csat&bars=reply")
    expected = ask(
        sample, f"from report_by_agent('{DAYS[0]}', '{DAYS[1]}') order by conversations desc, agent_name"
    )
    for kind in ("csv", "xlsx"):
        found = file(page, kind, "Agents")
        assert list(found["Agent"]) == list(expected["agent_name"])
        for heading, column in {
            "Conversations": "conversations",
            "Messages": "messages",
            "One-touch": "one_touch",
            "First response, median (s)": "first_response_median",
            "Reply time, average (s)": "reply_avg",
            "Reply time, average (s), n": "reply_n",
            "Rating": "csat_avg",
        }.items():
            assert found[heading].astype(float).to_list() == pytest.approx(
                expected[column].astype(float).to_list(), abs=1e-4, nan_ok=True
            )
    inbox = file(page, "xlsx", "Inbox")
    assert inbox["Conversations"].sum() == expected["conversations"].sum()
    first = expected.iloc[0]
    assert cell(page, 0, 0) == first["agent_name"]
    assert cell(page, 1, 0) == ENGLISH.count(first["conversations"])


def test_the_tags_are_those_of_the_macro_and_overlap_is_told(visit, sample):
    page = visit(f"by-tag?{PERIOD}&grain=week")
    expected = ask(sample, f"from report_by_tag('{DAYS[0]}', '{DAYS[1]}') order by conversations desc, tag")
    found = file(page, "csv", "Tags")
    assert list(found["Tag"]) == list(expected["tag"])
    assert list(found["Contacts"]) == list(expected["distinct_contacts"])
    changes = ask(
        sample, f"from report_by_tag_compared('{DAYS[0]}', '{DAYS[1]}') order by difference desc, tag"
    )
    rising = file(page, "csv", "Rising-and-falling")
    assert list(rising["Difference"]) == list(changes["difference"])
    expect(page.get_by_text("the rows do not add up to the total")).to_be_visible()


def test_the_overviews_files_hold_what_its_charts_and_table_show(visit, sample):
    page = visit(f"?{PERIOD}&grain=week")
    expected = ask(
        sample, f"from report_over_time('{DAYS[0]}', '{DAYS[1]}', grain := 'week') order by period_start desc"
    )
    weekly = file(page, "csv", "Weekly-figures")
    assert list(weekly["From"]) == [str(start.date()) for start in expected["period_start"]]
    assert list(weekly["Messages"]) == list(expected["messages"])
    for expander in page.get_by_test_id("stExpander").all():
        expander.locator("summary").click()
    settled(page)
    by_origin = file(page, "xlsx", "Conversations-by-origin")
    assert by_origin["Conversations"].sum() == expected["conversations"].sum()
    assert set(by_origin["Origin"]) == {"Flow", "Inbox", "Inbound", "Other"}


def test_the_details_are_paged_sorted_and_searched_by_the_database(visit, sample):
    page = visit(f"details?{PERIOD}&rows=25&sort=messages&page=2")
    details = f"from report_details('{DAYS[0]}', '{DAYS[1]}')"
    expected = ask(sample, f"{details} order by messages desc nulls last, conversation_id limit 25 offset 25")
    found = file(page, "csv", "Details")
    assert list(found["Conversation"]) == list(expected["conversation_id"])
    whole = file(page, "xlsx", "The-whole-list")
    assert len(whole) == ask(sample, f"select count(*) as n {details}").at[0, "n"]
    assert list(whole["Conversation"][25:50]) == list(expected["conversation_id"])

    page.get_by_role("textbox", name="Search by id").fill("c00011")
    page.keyboard.press("Enter")
    settled(page)
    assert in_address(page, "search") == ["c00011"]
    assert in_address(page, "page") is None
    found = file(page, "csv", "The-whole-list")
    matches = ask(sample, f"select count(*) as n {details} where contains(conversation_id, 'c00011')")
    assert len(found) == matches.at[0, "n"] > 0
    assert found["Conversation"].str.contains("c00011").all()


def test_a_timeline_shows_a_conversation_in_the_accounts_zone(visit, sample):
    page = visit("details?conversation=demo:c0000017")
    expected = ask(
        sample, "select *, local_time(happened_at, 'Europe/Rome') as t from report_timeline('demo:c0000017')"
    )
    found = file(page, "csv", "One-conversation")
    assert list(pd.to_datetime(found["When"])) == list(expected["t"].dt.floor("s"))
    waits = found["Customer waited (s)"].to_list()
    assert waits == pytest.approx(expected["wait_seconds"].to_list(), nan_ok=True)
    page = visit("details?conversation=demo:nothing")
    expect(page.get_by_text(ENGLISH("details.unknown"))).to_be_visible()


def test_selecting_a_row_shows_its_timeline(visit):
    page = visit(f"details?{PERIOD}&rows=25")
    table = page.get_by_test_id("stDataFrame").first
    first = cell(page, 1, 0)
    box = table.bounding_box()
    page.mouse.click(box["x"] + 15, box["y"] + 52)
    settled(page)
    assert in_address(page, "conversation") == [first]
    expect(page.get_by_text("Waits are in calendar time")).to_be_visible()


def test_the_way_back_shows_the_filters_of_then(visit):
    page = visit(f"?{PERIOD}")
    before = figures(page)
    choose(page, "Agent", "Giulia")
    assert figures(page) != before
    page.go_back()
    settled(page)
    assert in_address(page, "agents") is None
    assert figures(page) == before


def test_an_empty_page_says_why(visit):
    page = visit("?from=2025-10-01&to=2025-10-01&agents=demo:ag-05&contact_tags=vip&hours=out")
    expect(page.get_by_text("Nothing happened from 1 Oct 2025 to 1 Oct 2025")).to_be_visible()
    page = visit(f"details?{PERIOD}&search=zzz")
    expect(page.get_by_text("has “zzz” in its id")).to_be_visible()


# Everybody can use it


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing_serious(visit, path, scheme):
    page = visit(path, color_scheme=scheme)
    found = {
        violation["id"]: [node["target"] for node in violation["nodes"]]
        for violation in Axe().run(page).response["violations"]
        if violation["impact"] in ("serious", "critical")
    }
    assert {rule: where for rule, where in found.items() if rule not in STREAMLITS_OWN} == {}


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("locale", ["en-GB", "it-IT"])
def test_nothing_is_wider_than_a_phone(visit, path, locale):
    page = visit(path, viewport={"width": 390, "height": 844}, locale=locale)
    widest = "Math.max(...[...document.querySelectorAll('[data-testid=stMain]')].map(e => e.scrollWidth))"
    assert page.evaluate(widest) <= 390


def test_pages_are_reached_by_keyboard(visit):
    page = visit(f"?{PERIOD}")
    page.get_by_role("link", name="By tag").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/by-tag*")
    expect(page.get_by_role("heading", name="By tag", exact=True)).to_be_visible()


# What is in the data stays data; what is not one's own stays unseen


@pytest.fixture(scope="module")
def two_accounts(tmp_path_factory):
    """Serve, behind a proxy's header, a release of two accounts in which agents' names look like markup."""
    settings = Settings(home=tmp_path_factory.mktemp("two"), memory_limit="500MB", threads=1)
    synthetic_candidate.write(settings.candidate_path, conversations=200, agent_name=MARKUP)
    publish(settings, {})
    access = settings.home / "access.csv"
    access.write_text("email,account_id\nann@example.com,demo\nboss@example.com,*\n")
    environment = {
        "CONVERSATIONS_REPORT_ACCESS": str(access),
        "CONVERSATIONS_REPORT_USER_HEADER": "X-Forwarded-Email",
    }
    with serve(settings.home, **environment) as address:
        yield settings, address


def test_names_from_the_data_are_never_markup(visit, two_accounts):
    _, address = two_accounts
    page = visit(
        "by-agent?agents=demo:1", base=address, extra_http_headers={"X-Forwarded-Email": "boss@example.com"}
    )
    expect(page.get_by_text(MARKUP).first).to_be_visible()
    main = page.get_by_test_id("stApp")
    assert main.locator("b, strong, a[href='https://example.com']").count() == 0


def test_a_crafted_address_shows_no_other_account(visit, two_accounts):
    settings, address = two_accounts
    ann = {"extra_http_headers": {"X-Forwarded-Email": "ann@example.com"}}
    page = visit("?accounts=second&accounts=demo", base=address, **ann)
    expect(page.get_by_text("second", exact=False)).to_have_count(0)
    page = visit("details?accounts=second", base=address, **ann)
    found = file(page, "csv", "The-whole-list")
    assert found["Conversation"].str.startswith("demo:").all()
    theirs = ask(settings, "from fct_conversations where account_id = 'second'").at[0, "conversation_id"]
    page = visit(f"details?conversation={theirs}", base=address, **ann)
    expect(page.get_by_text(ENGLISH("details.unknown"))).to_be_visible()
    stranger = {"extra_http_headers": {"X-Forwarded-Email": "eve@example.com"}}
    expect(visit("", base=address, **stranger).get_by_text(ENGLISH("empty.no_access"))).to_be_visible()
    expect(visit("", base=address).get_by_text(ENGLISH("empty.not_known"))).to_be_visible()
