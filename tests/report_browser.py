"""Fixtures and helpers for tests of the report pages in a browser.

Belongs here: serving, opening and reading pages. Does not: expectations of a page.
"""

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
from playwright.sync_api import sync_playwright

from orchestration.publish.reader import reader
from orchestration.settings import PROJECT
from reports.language import Language

PERIOD = "from=2025-11-10&to=2025-12-21"
DAYS = ("2025-11-10", "2025-12-21")
ENGLISH = Language("en")


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
    """Return a function that opens a report page in a new browser context and waits until it is rendered."""
    contexts = []

    def visit(path, base=address, **options):
        context = browser.new_context(
            **{"viewport": {"width": 1400, "height": 1000}, "locale": "en-GB"} | options
        )
        context.set_default_timeout(60_000)
        contexts.append(context)
        page = context.new_page()
        page.goto(base + path)
        return wait_until_rendered(page)

    yield visit
    for context in contexts:
        context.close()


def wait_until_rendered(page):
    """Wait until the page is rendered completely."""
    page.wait_for_timeout(300)
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    page.wait_for_function("document.querySelectorAll('[data-testid=stSkeleton]').length == 0")
    page.wait_for_timeout(300)
    assert page.get_by_test_id("stException").count() == 0
    return page


def url_parameter(page, name):
    return parse_qs(urlsplit(page.url).query).get(name)


def query_release(settings, query):
    with reader(settings) as connection:
        return connection.execute(query).df()


def figures(page):
    """Return the figures of the overview by label."""
    metrics = page.get_by_test_id("stMetric").all()
    return {
        m.get_by_test_id("stMetricLabel").inner_text(): m.get_by_test_id("stMetricValue").inner_text()
        for m in metrics
    }


def download_table(page, kind, name):
    """Press the download button of a table and return the file as a data frame."""
    with page.expect_download() as download:
        page.locator(f".st-key-{kind}-{name}").get_by_role("button").click()
    content = download.value.path().read_bytes()
    if kind == "csv":
        return pd.read_csv(io.BytesIO(content), encoding="utf-8-sig")
    rows = list(openpyxl.load_workbook(io.BytesIO(content)).active.values)
    return pd.DataFrame(rows[1:], columns=rows[0])


def read_cell(page, column, row):
    """Return a cell of the first table, from its accessible copy because the table is drawn on a canvas."""
    return (
        page.get_by_test_id("stDataFrame").first.get_by_test_id(f"glide-cell-{column}-{row}").text_content()
    )


def select_option(page, label, option):
    """Select an option of a multiselect by keyboard."""
    box = page.get_by_role("combobox", name=label)
    box.focus()
    page.keyboard.type(option)
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    wait_until_rendered(page)
