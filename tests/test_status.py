"""`make status`: the release of a home, its freshness, and what the next run would do."""

import json
import shutil
from pathlib import Path

import pytest

from orchestration.__main__ import main
from orchestration.publish.release import current_release
from orchestration.settings import Settings
from orchestration.status import read_status


@pytest.fixture
def home(sample, tmp_path: Path) -> Settings:
    shutil.copytree(sample.home, tmp_path / "home", symlinks=True)
    return Settings(home=tmp_path / "home", dagster=tmp_path / "home" / "dagster")


def test_the_status_names_the_release_its_freshness_and_what_a_run_would_do(home, monkeypatch, capfd):
    monkeypatch.setenv("CONVERSATIONS_HOME", str(home.home))
    release = current_release(home)

    state = read_status(home)
    assert state["release"]["release_id"] == release.release_id
    assert state["next_run"] == {"is_needed": False, "reasons": [], "build": None}
    [account] = state["accounts"]
    assert (account["account_id"], account["verdict"]) == ("demo", "stale")  # the sample ends in 2025
    assert account["data_through"] == "2025-12-31T23:22:26+01:00"

    (home.landing_path / "demo" / "surveys" / "late.jsonl").write_text("{}\n")
    assert main(["run", "--dry-run"]) == 0
    output = capfd.readouterr().out
    assert "demo  stale  data through 2025-12-31 23:22 (Europe/Rome)" in output
    assert "builds what changed" in output
    assert "landing has 1 new file, such as demo/surveys/late.jsonl" in output
    assert current_release(home) == release

    assert main(["run", "--full-refresh", "--dry-run"]) == 0
    assert "builds all tables" in capfd.readouterr().out
    assert home.raw_path.exists()

    (home.published_path / release.folder / "schema.json").unlink()
    assert main(["status", "--json"]) == 0
    state = json.loads(capfd.readouterr().out)
    assert state["next_run"]["reasons"][-1] == "files of the release are missing or damaged"
    assert state["next_run"]["build"] == "incremental"


def test_an_empty_home_has_no_release_and_needs_a_full_build(tmp_path):
    state = read_status(Settings(home=tmp_path, dagster=tmp_path / "dagster"))
    assert (state["release"], state["accounts"], state["freshness"]["verdict"]) == (None, [], "stale")
    assert state["next_run"]["build"] == "full"
    assert state["next_run"]["reasons"] == ["no release is published, or it cannot be read"]


def test_an_invalid_seed_is_the_error_of_the_status(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("CONVERSATIONS_HOME", str(tmp_path))
    monkeypatch.setenv("CONVERSATIONS_PROJECT", str(tmp_path))
    assert main(["status", "--json"]) == 2
    assert "accounts.csv" in json.loads(capfd.readouterr().out)["error"]
