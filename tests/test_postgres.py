"""Dagster's storage in PostgreSQL: a run and the gate with a separate server.

Belongs here: the setup in docs/deploy.md for PostgreSQL. Does not: runs in general (`test_pipeline`).
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from orchestration.commands import run
from orchestration.publish.release import current_release
from orchestration.settings import PROJECT, Settings

pytestmark = pytest.mark.slow

# The server does not run as root.
OWNER = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}


@pytest.fixture
def database(monkeypatch) -> Iterator[str]:
    """Start a server with an empty database, set the environment for it, and yield its URL."""
    # Not in tmp_path, which the user of the server cannot read.
    folder = Path(tempfile.mkdtemp(prefix="postgres-", dir="/tmp"))
    if OWNER:
        shutil.chown(folder, OWNER["user"], OWNER["group"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    cluster = folder / "cluster"
    subprocess.run(
        [program("initdb"), "-D", cluster, "-U", "dagster", "-A", "trust", "--no-sync", "-E", "UTF8"],
        check=True,
        capture_output=True,
        cwd=folder,
        **OWNER,
    )
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [program("postgres"), "-D", cluster, "-h", "127.0.0.1", "-p", str(port), "-k", folder],
            stdout=log,
            stderr=log,
            cwd=folder,
            **OWNER,
        )
    try:
        url = f"postgresql://dagster:unasked@127.0.0.1:{port}/postgres"
        parts = ("USER", "dagster"), ("PASSWORD", "unasked"), ("HOST", "127.0.0.1"), ("PORT", str(port))
        for name, value in (*parts, ("DATABASE", "postgres")):
            monkeypatch.setenv(f"DAGSTER_POSTGRES_{name}", value)
        wait_for(url, server, folder / "log")
        yield url
    finally:
        server.terminate()
        server.wait(30)
        shutil.rmtree(folder)


def program(name: str) -> str:
    """Return the path of a server program in the folder of Debian, or on the PATH."""
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = str(installed[-1]) if installed else shutil.which(name)
    assert found, f"{name} is missing; install PostgreSQL, on Debian: apt-get install postgresql"
    return found


def wait_for(url: str, server: subprocess.Popen, log: Path) -> None:
    while server.poll() is None:
        try:
            psycopg2.connect(url).close()
        except psycopg2.OperationalError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"PostgreSQL did not start: {log.read_text()}")


def documented(beginning: str) -> str:
    """Return the command of docs/deploy.md that starts with this text."""
    lines = (PROJECT / "docs" / "deploy.md").read_text().splitlines()
    return next(line for line in lines if line.startswith(beginning))


def rows(url: str, query: str) -> list[tuple]:
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall()
    finally:
        connection.close()


def test_a_run_with_postgres_publishes_and_a_failed_check_keeps_the_release(
    database, tmp_path, monkeypatch, capfd
):
    home = tmp_path / "dagster"
    home.mkdir()
    compose = documented("{ sed '/^storage").replace("/etc/conversations", str(home))
    subprocess.run(["bash", "-c", compose], cwd=PROJECT, check=True)
    settings = Settings(home=tmp_path / "home", dagster=home, threads=2)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    migrate = [Path(sys.executable).with_name("dagster"), "instance", "migrate"]
    subprocess.run(migrate, check=True, env=os.environ | settings.environment())

    assert run(settings) == 0, capfd.readouterr().out
    release = current_release(settings)
    bad = settings.landing_path / "demo" / "surveys" / "2026-01.jsonl"
    bad.write_text('{"id": "s-bad", "conversation": "c-1", "rating": 12}\n' * 50)
    assert run(settings) == 1

    assert "FAILED: marts/csat_summary rejection_rate_within_limit" in capfd.readouterr().out
    assert current_release(settings) == release
    assert rows(database, "select status from runs order by id") == [("SUCCESS",), ("FAILURE",)]
    evaluated = "select count(*) from asset_check_executions where execution_status = 'SUCCEEDED'"
    assert rows(database, evaluated)[0][0] >= len(release.checks["passed"])
    assert not list(home.rglob("*.db")), "a part of Dagster's storage is in files"
