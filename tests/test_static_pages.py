"""The static pages in a browser without a network: accessibility, requests and widths."""

import pytest
import synthetic_candidate
from axe_playwright_python.sync_playwright import Axe

from orchestration.publish.freshness import check_freshness
from orchestration.publish.page.report import write_reports
from orchestration.publish.page.status import write_status
from orchestration.publish.store import publish
from orchestration.settings import Settings

pytestmark = pytest.mark.slow
pytest_plugins = ["report_browser"]

PAGES = ("status", "report/index", "report/demo.last_full_week", "report/second.last_28_days")


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    settings = Settings(home=tmp_path_factory.mktemp("pages"), memory_limit="500MB", threads=1)
    synthetic_candidate.write(settings.candidate_path)
    publish(settings, {"passed": ["a"], "warned": ["b"]})
    write_reports(settings)
    write_status(settings, check_freshness(settings), None, ["fct_messages"])
    return settings.published_path


@pytest.mark.parametrize("code", ["en", "it"])
@pytest.mark.parametrize("width", [390, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_accessible_request_nothing_and_fit_the_width(published, browser, code, width, scheme):
    for name in PAGES:
        path = published / f"{name}.{code}.html"
        if not path.exists():  # English is the default of pages about all accounts
            path = published / f"{name}.html"
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
        )
        page, requested = context.new_page(), []
        page.on("request", lambda request, requested=requested: requested.append(request.url))
        page.goto(path.as_uri())
        assert requested == [path.as_uri()]
        assert page.evaluate("document.documentElement.lang") == code
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
        serious = [
            violation["id"]
            for violation in Axe().run(page).response["violations"]
            if violation["impact"] in ("serious", "critical")
        ]
        assert serious == [], path
        context.close()


def test_the_status_page_is_marked_as_outdated_after_a_verdict_changes(published, browser):
    page = browser.new_page()
    page.goto((published / "status.html").as_uri())
    assert page.locator("#outdated").is_hidden()
    page.clock.install()
    page.clock.fast_forward("40:00:00")
    page.reload()
    assert page.locator("#outdated").is_visible()
