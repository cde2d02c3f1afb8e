"""Screenshots for README.md from a release of the sample, with headless chromium.

Usage: python -m docs.pictures [<home>]. The home must have a release of the sample. By default, one is built
in a temporary folder.
"""

import html
import io
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from orchestration.settings import PROJECT, Settings

FOLDER = Path(__file__).parent / "images"
WIDTH = 1400
COLOURS = 128  # sufficient for text and charts, at a third of the size
LINEAGE = "/assets/published/csat_summary?view=lineage&lineageScope=neighbors&lineageDepth=2"
QUERY = """\
select
    agent_name,
    conversations,
    round(first_response_median / 60) as first_response_minutes,
    round(csat_score, 2) as csat_score,
    csat_n
from report_by_agent('2025-11-01', '2025-11-30')
order by conversations desc;"""
TERMINAL = """
<body style="margin: 0"><pre style="margin: 0; padding: 24px; width: fit-content;
background: #1e1e2e; color: #cdd6f4; font: 15px/1.35 'DejaVu Sans Mono', monospace">{}</pre></body>"""


def main(arguments: list[str]) -> None:
    """Write all pictures, from the home in `arguments` or from a new one."""
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        home = Path(arguments[0]) if arguments else Path(temporary)
        settings = Settings(home=home, landing=PROJECT / "samples" / "landing", dagster=home / "dagster")
        environment = os.environ | settings.environment() | {"DAGSTER_HOME": str(PROJECT)}
        if not arguments:
            landing = {"CONVERSATIONS_LANDING": str(settings.landing_path)}
            command = [sys.executable, "-m", "orchestration", "run"]
            subprocess.run(command, env=environment | landing, cwd=PROJECT, check=True)
        browser = playwright.chromium.launch(executable_path=_chromium(), args=["--no-sandbox"])
        take_overview(browser, environment)
        take_lineage(browser, environment)
        take_query(browser, settings)
        browser.close()


def take_overview(browser: Browser, environment: dict[str, str]) -> None:
    """Save a picture of the page *Overview* for a month of the sample."""
    command = ["streamlit", "run", "reports/app.py", "--server.port"]
    with _served(command, environment, "/_stcore/health") as address:
        page = _page(browser, height=1350)
        page.goto(f"{address}/?from=2025-11-01&to=2025-11-30")
        page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]", timeout=60_000)
        page.wait_for_function("document.querySelectorAll('[data-testid=stSkeleton]').length == 0")
        page.wait_for_timeout(2000)  # charts are drawn after the script ends
        _save(page.screenshot(), "overview.png")


def take_lineage(browser: Browser, environment: dict[str, str]) -> None:
    """Save a picture of the lineage of a published table in Dagster."""
    command = ["dagster_webserver", "--read-only", "--module-name", "orchestration.definitions", "--port"]
    with _served(command, environment, "/server_info") as address:
        page = _page(browser, height=800)
        page.goto(address + LINEAGE)
        page.wait_for_timeout(12_000)  # several requests fill the graph
        _save(page.screenshot(), "lineage.png")


def take_query(browser: Browser, settings: Settings) -> None:
    """Save a picture of a query and its result in `make sql`."""
    program = Path(sys.executable).with_name("duckdb")
    database = settings.published_path / "reports.duckdb"
    result = subprocess.run(
        [program, "-readonly", database, QUERY], capture_output=True, text=True, check=True
    )
    page = _page(browser, height=800)
    page.set_content(TERMINAL.format(html.escape(f"$ make sql\n{QUERY}\n\n{result.stdout}".rstrip())))
    _save(page.locator("pre").screenshot(), "query.png")


@contextmanager
def _served(command: list[str], environment: dict[str, str], health: str) -> Iterator[str]:
    """Start a server of the project on a free port, and yield its address when `health` responds."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    command = [sys.executable, "-m", *command, str(port)]
    server = subprocess.Popen(command, env=environment, cwd=PROJECT, **quiet)
    address = f"http://127.0.0.1:{port}"
    try:
        while not _answers(address + health):
            if server.poll() is not None:
                sys.exit(f"{' '.join(command)} ended with code {server.returncode}")
            time.sleep(0.5)
        yield address
    finally:
        server.terminate()
        server.wait(30)


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5):  # noqa: S310
            return True
    except OSError:
        return False


def _page(browser: Browser, height: int) -> Page:
    return browser.new_page(viewport={"width": WIDTH, "height": height}, locale="en-GB")


def _save(picture: bytes, name: str) -> None:
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(FOLDER / name, optimize=True)


def _chromium() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    sys.exit("chromium is missing, on Debian: apt-get install chromium")


if __name__ == "__main__":
    main(sys.argv[1:])
