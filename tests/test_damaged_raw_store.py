"""A damaged file in raw/: every command and tick names the file and the remedy, and the remedy works."""

import os
import shutil
from pathlib import Path

import dagster as dg
import pytest
from temporary_home import TemporaryHome, has_changes, jsonl

from orchestration import commands as command
from orchestration.automation.schedules import daily_schedule
from orchestration.automation.sensors import new_exports_sensor
from orchestration.ingest.assets import ingest as ingest_asset
from orchestration.ingest.pipeline import set_raw_aside
from orchestration.ingest.raw_store import ledger
from orchestration.ingest.raw_store.ledger import RawStoreError
from orchestration.ingest.raw_store.replay import ReplaySelection
from orchestration.settings import SettingsError
from orchestration.summary import print_summary
from tests.test_alerts import HTTPServer, _Server, _Webhook


@pytest.fixture(params=["cut", "empty", "overwritten", "removed"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> TemporaryHome:
    """Return a home with a damaged or missing ledger and a new file in landing."""
    home = TemporaryHome(tmp_path / "home", dagster=tmp_path / "dagster")
    home.drop("agents/a.jsonl", jsonl({"id": 1}))
    home.ingest()
    home.drop("agents/b.jsonl", jsonl({"id": 2}))
    path = damaged(home)
    if request.param == "removed":
        shutil.rmtree(path.parent)
        return home
    size = path.stat().st_size
    with path.open("r+b") as stream:
        if request.param == "overwritten":
            stream.seek(4)
            stream.write(b"\xff" * 60)
        else:
            stream.truncate(size // 2 if request.param == "cut" else 0)
    return home


def damaged(home: TemporaryHome) -> Path:
    folder = ledger.ledger_folder(home.settings)
    return next(iter(ledger.parquet_files(folder)), folder)


def test_an_ingest_and_the_search_for_changes_name_the_file_and_the_remedy(home: TemporaryHome) -> None:
    for call in (home.ingest, lambda: has_changes(home.settings)):
        with pytest.raises(RawStoreError) as error:
            call()
        assert str(damaged(home)) in str(error.value)
        assert "make full-refresh FORCE=1" in str(error.value)


def test_commands_name_the_file_and_a_forced_full_refresh_ingests_everything_again(
    home: TemporaryHome, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    def assert_file_is_named(code: int) -> None:
        printed = capfd.readouterr()
        assert code == 1
        assert str(damaged(home)) in printed.err
        assert "Traceback" not in printed.err + printed.out

    assert_file_is_named(command.run(home.settings))
    assert_file_is_named(command.full_refresh(home.settings))
    assert_file_is_named(command.replay(home.settings, ReplaySelection(everything=True)))
    monkeypatch.setattr(command, "run", lambda settings: home.ingest().totals().records_accepted)
    assert command.full_refresh(home.settings, force=True) == 2


def test_the_summary_and_the_asset_name_the_file(home: TemporaryHome, capfd: pytest.CaptureFixture) -> None:
    result = dg.materialize([ingest_asset], resources={"settings": home.settings}, raise_on_error=False)
    (failure,) = result.get_step_failure_events()
    assert str(damaged(home)) in failure.step_failure_data.error.message
    print_summary(home.settings, result)
    assert str(damaged(home)) in capfd.readouterr().out


def test_ticks_skip_with_the_reason_and_alert_once(home: TemporaryHome) -> None:
    with _Server(HTTPServer(("127.0.0.1", 0), _Webhook)) as server:
        alerted = home.settings.model_copy(
            update={
                "alert_urls": type(home.settings)(alert_urls=f"json://127.0.0.1:{server.port}").alert_urls
            }
        )
        os.environ.update(alerted.environment())
        with dg.DagsterInstance.ephemeral() as instance:
            sensor, cursor = new_exports_sensor(alerted), None
            for _ in range(2):
                context = dg.build_sensor_context(instance, cursor=cursor)
                (skipped,) = [sensor(context)]
                cursor = context.cursor
                assert str(damaged(home)) in skipped.skip_message
            assert len(server.received) == 1
            tick = daily_schedule(alerted)(dg.build_schedule_context(instance))
            assert str(damaged(home)) in tick.skip_message
        assert str(damaged(home)) in server.received[1]["message"]


def test_a_damaged_empty_file_is_rewritten(tmp_path: Path) -> None:
    home = TemporaryHome(tmp_path)
    home.drop("agents/a.jsonl", jsonl({"id": 1}))
    home.ingest()
    os.truncate(home.settings.raw_path / "agents" / "activecampaign" / "empty.parquet", 3)
    home.drop("agents/b.jsonl", jsonl({"id": 2}))
    home.ingest()
    assert home.rows("agents", "id") == [("1",), ("2",)]


def test_a_damaged_note_of_a_replay_is_named(tmp_path: Path) -> None:
    home = TemporaryHome(tmp_path)
    home.drop("agents/a.jsonl", jsonl({"id": 1}))
    home.ingest()
    (home.settings.raw_path / "replay.json").write_text('{"batch_id"')
    with pytest.raises(RawStoreError, match=r"replay.json: the file is damaged"):
        home.ingest()


def test_a_lost_hash_key_is_named_and_not_replaced(tmp_path: Path) -> None:
    home = TemporaryHome(tmp_path)
    home.drop("agents/a.jsonl", jsonl({"id": 1}))
    home.ingest()
    key = home.settings.hash_key_path.read_text()
    home.settings.hash_key_path.unlink()
    with pytest.raises(SettingsError, match=r"hash_key: the key .* is missing"):
        home.ingest()
    assert not home.settings.hash_key_path.exists()
    TemporaryHome(tmp_path, hash_key=key).ingest()
    assert home.settings.hash_key_path.read_text() == key
    home.settings.hash_key_path.unlink()
    set_raw_aside(home.settings)
    home.ingest()
    assert home.settings.hash_key_path.read_text() not in (key, "")
