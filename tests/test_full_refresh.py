"""A full refresh rebuilds everything from landing. Readers keep the release, and no record is lost."""

import shutil

import duckdb
import pytest

from orchestration import commands
from orchestration.__main__ import main
from orchestration.ingest.selection import gone_from_landing
from orchestration.publish.release import current_release
from orchestration.settings import Settings
from tests.conftest import LOADING, published_rows


@pytest.fixture
def settings(sample: Settings, tmp_path) -> Settings:
    shutil.copytree(sample.home, tmp_path / "home")
    return Settings(home=tmp_path / "home", dagster=tmp_path / "home" / "dagster")


def batches(settings: Settings) -> set[str]:
    with duckdb.connect() as connection:
        files = settings.raw_path / "ingested_files" / "*.parquet"
        return {batch for (batch,) in connection.execute(f"select batch_id from '{files}'").fetchall()}


@pytest.mark.slow
def test_an_interrupted_full_refresh_is_completed_by_the_next_run(settings, monkeypatch):
    before, release, loaded = published_rows(settings, LOADING), current_release(settings), batches(settings)

    def crash(settings: Settings) -> int:
        raise KeyboardInterrupt

    run = commands.run
    monkeypatch.setattr(commands, "run", crash)
    with pytest.raises(KeyboardInterrupt):
        commands.full_refresh(settings)
    assert not settings.raw_path.exists()
    assert (published_rows(settings, LOADING), current_release(settings)) == (before, release)

    assert run(settings) == 0
    assert published_rows(settings, LOADING) == before
    assert current_release(settings).release_id > release.release_id
    assert batches(settings).isdisjoint(loaded)
    assert not settings.set_aside_path.exists()


def test_a_full_refresh_without_force_stops_if_files_are_missing_in_landing(settings, capfd):
    before = published_rows(settings, LOADING)
    demo = settings.landing_path / "demo"
    (demo / "surveys" / "2025-10.csv").unlink()
    (demo / "surveys" / "2025-11.csv").rename(demo / "surveys" / "renamed.csv")
    (demo / "agents" / "2025-10.json").write_text("[]")

    assert gone_from_landing(settings) == ["demo/agents/2025-10.json", "demo/surveys/2025-10.csv"]
    assert commands.full_refresh(settings) == 1
    error = capfd.readouterr().err
    assert "2 ingested files missing in landing" in error
    assert "demo/surveys/2025-10.csv" in error
    assert "FORCE=1" in error
    assert published_rows(settings, LOADING) == before
    assert settings.raw_path.exists()


def test_a_forced_full_refresh_sets_aside_the_raw_files(settings, monkeypatch):
    shutil.rmtree(settings.landing_path)
    monkeypatch.setattr(commands, "refresh", lambda *_: pytest.fail("there is nothing to build"))
    monkeypatch.setattr(commands, "is_up_to_date", lambda settings: True)
    monkeypatch.setattr(commands, "print_summary", lambda settings, result: None)
    monkeypatch.setattr(commands, "current_release", lambda settings: None)

    assert commands.full_refresh(settings, force=True) == 1

    assert not settings.raw_path.exists()
    assert not settings.landing_path.exists(), "the sample must not replace removed exports"
    assert list(settings.set_aside_path.glob("*/raw/ingested_files/2*.parquet"))


def test_an_empty_landing_does_not_change_the_release(settings, capfd):
    before = published_rows(settings, LOADING)
    shutil.rmtree(settings.landing_path)
    settings.landing_path.mkdir()

    assert commands.run(settings) == 0

    assert published_rows(settings, LOADING) == before
    assert list(settings.landing_path.iterdir()) == []
    assert "none run: no changes" in capfd.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["ran"], ["run", "--force"], ["run", "--fully"]])
def test_an_unknown_command_prints_the_usage(arguments, capfd):
    assert main(arguments) == 2
    output = capfd.readouterr()
    assert "Usage: python -m orchestration" in output.out + output.err
