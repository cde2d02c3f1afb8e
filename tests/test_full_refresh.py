"""Everything anew from landing, without a moment in which readers have nothing, and nothing lost unasked."""

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
def test_a_full_refresh_that_stops_is_finished_by_the_next_run(settings, monkeypatch, capfd):
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


def test_what_left_landing_stays_published_and_a_full_refresh_asks_before_it_goes(settings, capfd):
    before = published_rows(settings, LOADING)
    demo = settings.landing_path / "demo"
    (demo / "surveys" / "2025-10.csv").unlink()
    (demo / "surveys" / "2025-11.csv").rename(demo / "surveys" / "renamed.csv")
    (demo / "agents" / "2025-10.json").write_text("[]")

    assert gone_from_landing(settings) == ["demo/agents/2025-10.json", "demo/surveys/2025-10.csv"]
    assert commands.full_refresh(settings) == 1
    error = capfd.readouterr().err
    assert "no longer holds 2 files loaded before" in error
    assert "demo/surveys/2025-10.csv" in error
    assert "FORCE=1" in error
    assert published_rows(settings, LOADING) == before
    assert settings.raw_path.exists()


def test_a_forced_full_refresh_sets_aside_what_it_will_lose(settings, monkeypatch):
    shutil.rmtree(settings.landing_path)
    monkeypatch.setattr(commands, "refresh", lambda *_: pytest.fail("nothing could be built of nothing"))
    monkeypatch.setattr(commands, "is_up_to_date", lambda settings: True)
    monkeypatch.setattr(commands, "print_summary", lambda settings, result: None)
    monkeypatch.setattr(commands, "current_release", lambda settings: None)

    assert commands.full_refresh(settings, force=True) == 1

    assert not settings.raw_path.exists()
    assert not settings.landing_path.exists(), "the sample is no stand-in for exports that were there"
    assert list(settings.set_aside_path.glob("*/raw/ingested_files/2*.parquet"))


def test_an_emptied_landing_changes_nothing_that_was_published(settings, capfd):
    before = published_rows(settings, LOADING)
    shutil.rmtree(settings.landing_path)
    settings.landing_path.mkdir()

    assert commands.run(settings) == 0

    assert published_rows(settings, LOADING) == before
    assert list(settings.landing_path.iterdir()) == []
    assert "none run: nothing was new" in capfd.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["ran"], ["run", "--force"], ["run", "--fully"]])
def test_a_command_that_is_none_is_answered_with_those_that_are(arguments, capfd):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert "usage: python -m orchestration" in capfd.readouterr().err
