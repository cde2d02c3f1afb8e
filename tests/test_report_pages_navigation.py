"""Navigation, accessibility and access of the report pages in a browser."""

from urllib.parse import urlsplit

import pytest
import synthetic_candidate
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from report_browser import (
    DAYS,
    ENGLISH,
    PERIOD,
    download_table,
    figures,
    query_release,
    read_cell,
    select_option,
    serve,
    url_parameter,
    wait_until_rendered,
)

from orchestration.publish.store import publish
from orchestration.settings import Settings

pytestmark = pytest.mark.slow
pytest_plugins = ["report_browser"]

PAGES = ("", "now", "by-agent", "by-tag", "by-place", "details?conversation=demo:c0000017")
# Violations that only Streamlit can fix: axe rule → reason.
STREAMLIT_VIOLATIONS: dict[str, str] = {}
MARKUP = "**bold** <b>b</b> [link](https://example.com) :red[red]"


# Navigation


def test_going_back_restores_figures_and_filters(visit):
    page = visit(f"?{PERIOD}")
    before = figures(page)
    select_option(page, "Agent", "Giulia")
    assert figures(page) != before
    page.go_back()
    wait_until_rendered(page)
    assert url_parameter(page, "agents") is None
    assert figures(page) == before


def test_selecting_a_row_opens_its_conversations(visit, sample):
    page = visit(f"by-agent?{PERIOD}")
    name = read_cell(page, 1, 0)
    box = page.get_by_test_id("stDataFrame").first.bounding_box()
    page.mouse.click(box["x"] + 15, box["y"] + 52)
    page.wait_for_url("**/details*")
    wait_until_rendered(page)
    expected = query_release(
        sample, f"select count(*) as n from report_details('{DAYS[0]}', '{DAYS[1]}', agents := ['{name}'])"
    )
    expect(page.get_by_text(f"{ENGLISH.count(expected.at[0, 'n'])} conversations; rows")).to_be_visible()


def test_going_back_opens_the_previous_page(visit):
    page = visit(f"?{PERIOD}")
    select_option(page, "Agent", "Giulia")
    for name in ("by-agent", "by-tag"):
        page.get_by_role("link", name=name.replace("-", " ").capitalize()).click()
        page.wait_for_url(f"**/{name}*")
        wait_until_rendered(page)
    page.go_back()
    page.wait_for_url("**/by-agent*")
    wait_until_rendered(page)
    assert url_parameter(page, "agents") == ["demo:ag-01"]
    page.go_back()
    wait_until_rendered(page)
    assert urlsplit(page.url).path == "/"
    assert url_parameter(page, "agents") == ["demo:ag-01"]


def test_pages_have_titles_and_downloads_have_names(visit):
    page = visit(f"by-agent?{PERIOD}")
    assert page.title() == "By agent · Conversation reports"
    with page.expect_download() as download:
        page.locator(".st-key-csv-Agents").get_by_role("button").click()
    assert download.value.suggested_filename == "demo_by-agent_2025-11-10_2025-12-21_agents.csv"
    assert page.evaluate("document.documentElement.lang") == "en"
    page = visit(f"by-agent?{PERIOD}&lang=it")
    assert page.title() == "Per agente · Report delle conversazioni"
    assert page.evaluate("document.documentElement.lang") == "it"


def test_on_a_phone_the_sidebar_closes_after_a_page_is_selected(visit):
    page = visit("", viewport={"width": 390, "height": 844})
    page.get_by_test_id("stExpandSidebarButton").click()
    drawer = page.get_by_test_id("stSidebar")
    expect(drawer).to_have_attribute("data-collapsed", "false")
    page.get_by_role("link", name="Now").click()
    page.wait_for_url("**/now*")
    expect(drawer).to_have_attribute("data-collapsed", "true")


# Accessibility


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_no_serious_violation(visit, path, scheme):
    page = visit(path, color_scheme=scheme)
    found = {
        violation["id"]: [node["target"] for node in violation["nodes"]]
        for violation in Axe().run(page).response["violations"]
        if violation["impact"] in ("serious", "critical")
    }
    assert {rule: where for rule, where in found.items() if rule not in STREAMLIT_VIOLATIONS} == {}


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("locale", ["en-GB", "it-IT"])
def test_no_page_is_wider_than_a_phone(visit, path, locale):
    page = visit(path, viewport={"width": 390, "height": 844}, locale=locale)
    widest = "Math.max(...[...document.querySelectorAll('[data-testid=stMain]')].map(e => e.scrollWidth))"
    assert page.evaluate(widest) <= 390


def test_pages_open_by_keyboard(visit):
    page = visit(f"?{PERIOD}")
    page.get_by_role("link", name="By tag").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/by-tag*")
    expect(page.get_by_role("heading", name="By tag", exact=True)).to_be_visible()


# Access and escaping


@pytest.fixture(scope="module")
def two_accounts(tmp_path_factory):
    """Serve a release of two accounts whose agent names contain markup, with the user header of a proxy."""
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


def test_names_from_the_data_are_escaped(visit, two_accounts):
    _, address = two_accounts
    page = visit(
        "by-agent?agents=demo:1", base=address, extra_http_headers={"X-Forwarded-Email": "boss@example.com"}
    )
    expect(page.get_by_text(MARKUP).first).to_be_visible()
    main = page.get_by_test_id("stApp")
    assert main.locator("b, strong, a[href='https://example.com']").count() == 0


def test_a_url_shows_no_other_account(visit, two_accounts):
    settings, address = two_accounts
    ann = {"extra_http_headers": {"X-Forwarded-Email": "ann@example.com"}}
    page = visit("?accounts=second&accounts=demo", base=address, **ann)
    expect(page.get_by_text("second", exact=False)).to_have_count(0)
    page = visit("details?accounts=second", base=address, **ann)
    found = download_table(page, "csv", "The-whole-list")
    assert found["Conversation"].str.startswith("demo:").all()
    other_conversation = query_release(settings, "from fct_conversations where account_id = 'second'").at[
        0, "conversation_id"
    ]
    page = visit(f"details?conversation={other_conversation}", base=address, **ann)
    expect(page.get_by_text(ENGLISH("details.unknown"))).to_be_visible()
    unknown_user = {"extra_http_headers": {"X-Forwarded-Email": "eve@example.com"}}
    expect(visit("", base=address, **unknown_user).get_by_text(ENGLISH("empty.no_access"))).to_be_visible()
    expect(visit("", base=address).get_by_text(ENGLISH("empty.not_known"))).to_be_visible()
