"""Backup and restore: a backup is complete and consistent, also if a run changes the home during the copy.

Belongs here: deploy/backup.sh and runs of a restored home. Does not: other runs (`test_pipeline`).
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from temporary_home import TemporaryHome, jsonl

from orchestration.commands import run
from orchestration.publish.reader import reader
from orchestration.publish.release import current_release
from orchestration.settings import PROJECT, Settings

pytestmark = pytest.mark.skipif(shutil.which("rsync") is None, reason="needs rsync")


def back_up(settings: Settings, folder: Path, **environment: str) -> Path:
    """Make a backup in `folder` and return its path."""
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
    """Restore a backup as described in docs/deploy.md."""
    subprocess.run(["rsync", "--archive", f"{backup}/", f"{home}/"], check=True)
    return Settings(home=home, dagster=home / "dagster")


def contact_keys(settings: Settings) -> set[tuple[str]]:
    with reader(settings) as connection:
        return set(connection.execute("select contact_key from dim_contacts").fetchall())


@pytest.fixture(scope="module")
def backup(sample, tmp_path_factory):
    return back_up(sample, tmp_path_factory.mktemp("backup"))


def test_a_restored_home_has_its_release_and_no_changes(sample, backup, tmp_path, capfd):
    settings = restore(backup, tmp_path / "home")
    assert not settings.warehouse_path.exists()
    assert not settings.candidate_path.exists()

    assert run(settings) == 0

    assert "none run: no changes" in capfd.readouterr().out
    assert current_release(settings) == current_release(sample)
    assert contact_keys(settings) == contact_keys(sample)


@pytest.mark.slow
def test_the_next_run_of_a_restored_home_rebuilds_the_warehouse_and_adds_new_files(sample, backup, tmp_path):
    settings = restore(backup, tmp_path / "home")
    shutil.rmtree(settings.landing_path)
    TemporaryHome(settings.home).drop("messages/late.jsonl", jsonl({
        "id": "m-late", "timestamp": "2025-12-31T22:59:00Z", "conversation": "c-x", "direction": "INBOUND"
    }))  # fmt: skip

    assert run(settings) == 0

    assert current_release(settings).rows["fct_messages"] == current_release(sample).rows["fct_messages"] + 1
    assert contact_keys(settings) == contact_keys(sample)


def test_a_backup_links_unchanged_files(sample, backup):
    second = back_up(sample, backup.parent)

    ledger = sorted(path.relative_to(backup) for path in backup.glob("raw/**/*.parquet"))
    assert ledger
    assert all((second / path).samefile(backup / path) for path in ledger)
    assert (backup.parent / "latest").resolve() == second


def test_a_batch_ingested_during_a_backup_is_complete_or_absent(tmp_path):
    """A batch is ingested after every rsync of the backup. The backup must not contain a part of a batch."""
    home = TemporaryHome(tmp_path / "home")
    home.drop("agents/0.jsonl", jsonl({"id": "ag-0"}))
    home.ingest()
    shim = tmp_path / "bin" / "rsync"
    shim.parent.mkdir()
    # An ingest can wait for the copy of the ledger and its files, so the backup does not wait for it.
    agents = home.settings.landing_path / "demo" / "agents"
    shim.write_text(f"""#!/bin/sh
{shutil.which("rsync")} "$@" || exit
number=$(ls {agents} | wc -l)
echo '{{"id": "ag-'$number'"}}' > {agents}/$number.jsonl
({sys.executable} -c '{INGEST}'; echo >> {tmp_path}/ended) > /dev/null 2>&1 9<&- &
echo >> {tmp_path}/started
""")
    shim.chmod(0o755)

    made = back_up(
        home.settings,
        tmp_path / "backups",
        PATH=f"{shim.parent}:{os.environ['PATH']}",
        PYTHONPATH=str(PROJECT),
    )

    deadline = time.monotonic() + 120
    while line_count(tmp_path / "ended") < line_count(tmp_path / "started"):
        assert time.monotonic() < deadline, "an ingest still waits for the backup"
        time.sleep(0.1)

    restored = TemporaryHome(restore(made, tmp_path / "restored").home)
    there = {batch for (batch,) in restored.rows("agents", "_batch_id")}
    assert there >= {batch for (batch,) in restored.ledger("batch_id")}, "the ledger names a missing batch"
    restored.ingest()
    files = len(list((restored.settings.landing_path / "demo" / "agents").iterdir()))
    assert files > 3, "no batch was ingested between the steps"
    assert len(restored.rows("agents")) == files


def line_count(path):
    return len(path.read_text().splitlines()) if path.exists() else 0


INGEST = """
from orchestration.ingest.pipeline import ingest
from orchestration.settings import load_settings
ingest(load_settings())
"""
