"""Backup and restore: nothing that counts is lost, whatever happened while the copy was made.

Belongs here: deploy/backup.sh and what a restored home does. Does not: what a run does (`test_pipeline`).
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from house import House, jsonl

from orchestration.commands import run
from orchestration.publish.reader import reader
from orchestration.publish.release import current_release
from orchestration.settings import PROJECT, Settings


def back_up(settings: Settings, folder: Path, **environment: str) -> Path:
    """Return the new backup in `folder`."""
    names = {"CONVERSATIONS_LANDING": str(settings.landing_path)}
    outcome = subprocess.run(
        [PROJECT / "deploy" / "backup.sh", folder],
        env=os.environ | settings.environment() | names | environment,
        capture_output=True,
        text=True,
    )
    assert outcome.returncode == 0, outcome.stderr
    return Path(outcome.stdout.strip())


def restore(backup: Path, home: Path) -> Settings:
    """Restore as docs/deploy.md says."""
    subprocess.run(["rsync", "--archive", f"{backup}/", f"{home}/"], check=True)
    return Settings(home=home, dagster=home / "dagster")


def contact_keys(settings: Settings) -> set[tuple[str]]:
    with reader(settings) as connection:
        return set(connection.execute("select contact_key from dim_contacts").fetchall())


@pytest.fixture(scope="module")
def backup(sample, tmp_path_factory):
    return back_up(sample, tmp_path_factory.mktemp("backup"))


def test_a_restored_home_serves_its_release_and_finds_nothing_new(sample, backup, tmp_path, capfd):
    settings = restore(backup, tmp_path / "home")
    assert not settings.warehouse_path.exists()

    assert run(settings) == 0

    assert "none run: nothing was new" in capfd.readouterr().out
    assert current_release(settings) == current_release(sample)
    assert contact_keys(settings) == contact_keys(sample)


@pytest.mark.slow
def test_the_next_run_on_a_restored_home_builds_the_warehouse_anew_and_adds_the_news(
    sample, backup, tmp_path
):
    settings = restore(backup, tmp_path / "home")
    shutil.rmtree(settings.landing_path)
    House(settings.home).drop("messages/late.jsonl", jsonl({
        "id": "m-late", "timestamp": "2025-12-31T22:59:00Z", "conversation": "c-x", "direction": "INBOUND"
    }))  # fmt: skip

    assert run(settings) == 0

    assert current_release(settings).rows["fct_messages"] == current_release(sample).rows["fct_messages"] + 1
    assert contact_keys(settings) == contact_keys(sample)


def test_a_backup_of_what_did_not_change_is_made_of_links(sample, backup):
    again = back_up(sample, backup.parent)

    ledger = sorted(path.relative_to(backup) for path in backup.glob("raw/**/*.parquet"))
    assert ledger
    assert all((again / path).samefile(backup / path) for path in ledger)
    assert (backup.parent / "latest").resolve() == again


def test_a_batch_that_comes_between_any_two_steps_is_whole_or_still_to_come(tmp_path, monkeypatch):
    """After every rsync of the backup another batch wants to come: the backup must not hold half of one."""
    home = House(tmp_path / "home")
    home.drop("agents/0.jsonl", jsonl({"id": "ag-0"}))
    home.ingest()
    shim = tmp_path / "bin" / "rsync"
    shim.parent.mkdir()
    # A batch may have to wait until the ledger and its files are copied, so the backup does not wait for it.
    agents = home.settings.landing_path / "demo" / "agents"
    shim.write_text(f"""#!/bin/sh
{shutil.which("rsync")} "$@" || exit
number=$(ls {agents} | wc -l)
echo '{{"id": "ag-'$number'"}}' > {agents}/$number.jsonl
({sys.executable} -c '{ONE_MORE}'; echo >> {tmp_path}/came) > /dev/null 2>&1 9<&- &
echo >> {tmp_path}/wanted
""")
    shim.chmod(0o755)

    made = back_up(
        home.settings,
        tmp_path / "backups",
        PATH=f"{shim.parent}:{os.environ['PATH']}",
        PYTHONPATH=str(PROJECT),
    )

    deadline = time.monotonic() + 120
    while came(tmp_path / "came") < came(tmp_path / "wanted"):
        assert time.monotonic() < deadline, "a batch still waits for the backup"
        time.sleep(0.1)

    restored = House(restore(made, tmp_path / "restored").home)
    there = {batch for (batch,) in restored.rows("agents", "_batch_id")}
    assert there >= {batch for (batch,) in restored.ledger("batch_id")}, "the ledger names what is not there"
    restored.ingest()
    landed = len(list((restored.settings.landing_path / "demo" / "agents").iterdir()))
    assert landed > 3, "no batch came between the steps"
    assert len(restored.rows("agents")) == landed


def came(count):
    return len(count.read_text().splitlines()) if count.exists() else 0


ONE_MORE = """
from orchestration.ingest.pipeline import ingest
from orchestration.settings import load_settings
ingest(load_settings())
"""
