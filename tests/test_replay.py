"""After a replay, the rows are those of a first ingest of the same files, also after an interruption.

Belongs here: replays and rebuilds, from the selection of files to the release. Does not: a full refresh that
sets everything aside (`test_full_refresh`).
"""

import shutil
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from orchestration import commands
from orchestration.__main__ import main
from orchestration.automation.jobs import REPLAY
from orchestration.common import files
from orchestration.common.candidate_files import discard_candidate
from orchestration.ingest.assets import ingest as ingest_asset
from orchestration.ingest.assets import landing
from orchestration.ingest.parsing import layouts
from orchestration.ingest.parsing.file_bytes import BadFileError
from orchestration.ingest.pipeline import ingest
from orchestration.ingest.raw_store.replay import ReplayError, ReplaySelection
from orchestration.ingest.selection import check_replay
from orchestration.publish.reader import reader
from orchestration.publish.tables import TABLES
from orchestration.settings import Settings
from orchestration.warehouse.candidate import builds
from tests.conftest import project_with
from tests.temporary_home import TemporaryHome, jsonl


def message(number: int, at: str, **fields: str) -> dict:
    return {"id": f"m{number}", "timestamp": at, "direction": "INBOUND", **fields}


def fill(home: TemporaryHome) -> None:
    """Ingest two batches: two accounts, several days, an invalid line and a duplicate file."""
    home.drop("messages/1.jsonl", jsonl(message(1, "2025-01-01T23:30:00"), message(2, "none")))
    home.drop("messages/2.jsonl", jsonl(message(3, "2025-01-03T10:00:00")))
    home.drop("agents/1.jsonl", jsonl({"id": "a1"}))
    home.drop("messages/1.jsonl", jsonl(message(4, "2025-01-01T10:00:00")), account="other")
    home.ingest()
    home.drop("messages/3.jsonl", jsonl(message(5, "2025-01-03T23:30:00Z")))
    home.drop("messages/copy of 2.jsonl", jsonl(message(3, "2025-01-03T10:00:00")))
    home.ingest()


def project(folder: Path, zone: str) -> Path:
    """Return the folder of a project with two accounts in this time zone."""
    (folder / "given").mkdir(parents=True)
    rows = "".join(f"{name},activecampaign,{zone}\n" for name in ("demo", "other"))
    (folder / "given" / "accounts.csv").write_text("account_id,platform,time_zone\n" + rows)
    return project_with(folder / "given", folder)


@pytest.fixture(scope="module")
def filled(tmp_path_factory) -> Path:
    """Return a folder with a home ingested with a wrong time zone, and a project with the right one."""
    folder = tmp_path_factory.mktemp("filled")
    fill(TemporaryHome(folder / "home", project=project(folder / "wrong", "Asia/Tokyo")))
    project(folder / "right", "Europe/Rome")
    return folder


@pytest.fixture
def home(filled: Path, tmp_path: Path) -> TemporaryHome:
    """Return a copy of that home with the project of the right time zone."""
    shutil.copytree(filled / "home", tmp_path / "home")
    return TemporaryHome(tmp_path / "home", project=filled / "right")


def files_read_by(home: TemporaryHome, batch_id: str) -> set[str]:
    return {file for file, batch in home.ledger("file, batch_id") if batch == batch_id}


def bytes_of(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("replay_selection", "files"),
    [
        (ReplaySelection(files=["demo/messages/1*"]), {"demo/messages/1.jsonl"}),
        (
            ReplaySelection(files=["demo/messages/2.jsonl"]),
            {"demo/messages/2.jsonl", "demo/messages/copy of 2.jsonl"},
        ),
        (ReplaySelection(accounts=["other"]), {"other/messages/1.jsonl"}),
        (ReplaySelection(entities=["agents"]), {"demo/agents/1.jsonl"}),
        # Days are local days of the account, which can be the day after the one in UTC.
        (ReplaySelection(to_day="2025-01-01"), {"demo/messages/1.jsonl", "other/messages/1.jsonl"}),
        (
            ReplaySelection(from_day="2025-01-02", to_day="2025-01-03"),
            {"demo/messages/2.jsonl", "demo/messages/copy of 2.jsonl"},
        ),
        (ReplaySelection(accounts=["demo"], from_day="2025-01-04"), {"demo/messages/3.jsonl"}),
    ],
)
def test_only_files_that_match_all_options_are_read_again(home, replay_selection, files):
    before = home.ledger("file, batch_id")

    result = ingest(home.settings, replay_selection=replay_selection)

    assert files_read_by(home, result.batch_id) == files
    kept = {row for row in before if row[0] not in files}
    assert kept == {row for row in home.ledger("file, batch_id") if row[1] != result.batch_id}
    assert {batch for (batch,) in home.rows("messages", "_batch_id")} <= {
        batch for (batch,) in home.ledger("batch_id")
    }


def test_a_replay_of_all_files_gives_the_rows_of_a_first_ingest(home, tmp_path):
    wrong = home.rows("messages", "timestamp")
    for replay_selection in (
        ReplaySelection(accounts=["demo"]),
        ReplaySelection(from_day="2025-01-01", accounts=["other"]),
    ):
        ingest(home.settings, replay_selection=replay_selection)

    fresh = TemporaryHome(
        tmp_path / "fresh", project=home.settings.project, landing=home.settings.landing_path
    )
    fresh.ingest()
    assert home.all_rows() == fresh.all_rows()
    assert home.rows("messages", "timestamp") != wrong
    assert home.ingest().batch_id is None


def test_a_full_refresh_leaves_no_file_of_an_earlier_batch(home):
    result = ingest(home.settings, replay_selection=ReplaySelection(everything=True))

    written = {path.name for path in home.settings.home.rglob("2*.parquet")}
    assert {name[: len(result.batch_id)] for name in written} == {result.batch_id}
    assert not (home.settings.raw_path / "replay.json").exists()


def test_a_replay_discards_the_candidate_and_an_ordinary_ingest_does_not(home):
    candidate = home.settings.warehouse_path, home.settings.candidate_path
    for path in candidate:
        path.touch()
    home.drop("agents/new.jsonl", jsonl({"id": "a9"}))
    home.ingest()
    assert all(path.exists() for path in candidate)

    ingest(home.settings, replay_selection=ReplaySelection(entities=["agents"]))

    assert not any(path.exists() for path in candidate)


def test_a_file_rejected_by_a_wrong_rule_is_loaded_after_the_rule_is_corrected(tmp_path, monkeypatch):
    home = TemporaryHome(tmp_path)
    home.drop("agents/1.csv", "id;first_name\na1;Anna\n")

    def reject(header: str, entity: object) -> layouts.Layout:
        raise BadFileError("its header is rejected by a rule", "change the rule")

    with monkeypatch.context() as patched:
        patched.setattr(layouts, "csv_layout", reject)
        home.ingest()
    assert home.ledger("status") == [("rejected",)]

    ingest(home.settings, replay_selection=ReplaySelection(files=["demo/agents/1.csv"]))

    assert home.ledger("status, records_accepted") == [("loaded", 1)]
    assert home.rejected() == []


def test_a_damaged_raw_file_is_replaced_without_reading_it(home):
    (batch, *_) = sorted({batch for (batch,) in home.ledger("batch_id")})
    whole = home.rows("messages", "id")
    for path in home.settings.raw_path.glob(f"messages/*/{batch}*.parquet"):
        path.write_bytes(b"damaged")

    ingest(home.settings, replay_selection=ReplaySelection(batches=[batch], entities=["messages"]))

    assert home.rows("messages", "id") == whole


def test_an_erased_contact_stays_erased_after_a_replay(tmp_path):
    folder = project(tmp_path / "project", "Europe/Rome")
    home = TemporaryHome(tmp_path / "home", project=folder)
    home.drop("messages/1.jsonl", jsonl(message(1, "2025-01-01T10:00:00Z", contact="c-secret")))
    home.ingest()
    (folder / "seeds" / "erasures.csv").write_text(
        "account_id,contact_id,requested_on\ndemo,c-secret,2025-02-01\n"
    )

    ingest(home.settings, replay_selection=ReplaySelection(everything=True))

    [(contact,)] = home.rows("messages", "contact")
    assert contact.startswith("erased-")


@pytest.mark.parametrize(
    ("replay_selection", "error"),
    [
        (ReplaySelection(), "No files are selected"),
        (ReplaySelection(force=True), "No files are selected"),
        (ReplaySelection(everything=True, accounts=["demo"]), "everything cannot be combined"),
        (ReplaySelection(accounts=["demo", "unknown"]), "accounts: no ingested file matches unknown"),
        (ReplaySelection(entities=["pigeons"]), "entities: no ingested file matches pigeons"),
        (ReplaySelection(files=["demo/*", "*/2024*"]), "files: no ingested file matches */2024*"),
        (ReplaySelection(batches=["20250101"]), "batches: no ingested file matches 20250101"),
        (ReplaySelection(from_day="2025-13-01"), "from_day '2025-13-01' is not a date: write YYYY-MM-DD"),
        (ReplaySelection(from_day="2025-01-02", to_day="2025-01-01"), "is later than to_day"),
        (ReplaySelection(from_day="2026-01-01"), "No ingested file matches all options"),
    ],
)
def test_an_invalid_selection_is_rejected_and_changes_no_file(home, replay_selection, error):
    before = bytes_of(home.settings.home)

    with pytest.raises(ReplayError, match=error.replace("*", r"\*")):
        check_replay(home.settings, replay_selection)
    with pytest.raises(ReplayError, match=error.replace("*", r"\*")):
        ingest(home.settings, replay_selection=replay_selection)

    assert bytes_of(home.settings.home) == before


def test_files_missing_in_landing_are_named_and_keep_their_records(home):
    landing = home.settings.landing_path / "demo" / "messages"
    (landing / "1.jsonl").unlink()
    (landing / "3.jsonl").write_bytes(jsonl(message(6, "2025-01-05T10:00:00")))
    (landing / "2.jsonl").unlink()  # its duplicate remains
    before = bytes_of(home.settings.home)

    with pytest.raises(ReplayError) as raised:
        ingest(home.settings, replay_selection=ReplaySelection(everything=True))

    assert "2 of these files are no longer in landing" in str(raised.value)
    assert "demo/messages/1.jsonl" in str(raised.value)
    assert "demo/messages/3.jsonl" in str(raised.value)
    assert bytes_of(home.settings.home) == before

    result = ingest(home.settings, replay_selection=ReplaySelection(everything=True, force=True))

    assert files_read_by(home, result.batch_id) == {
        "demo/agents/1.jsonl",
        "demo/messages/3.jsonl",
        "demo/messages/copy of 2.jsonl",
        "other/messages/1.jsonl",
    }
    assert sorted(home.rows("messages", "id")) == [(f"m{number}",) for number in (1, 3, 4, 5, 6)]
    with pytest.raises(ReplayError, match="there is nothing to read again"):
        ingest(home.settings, replay_selection=ReplaySelection(files=["demo/messages/1.jsonl"], force=True))


def test_a_file_that_changes_during_the_replay_keeps_its_records(home):
    before = home.all_rows()

    def write(_message: str) -> None:
        home.drop("messages/1.jsonl", jsonl(message(7, "2025-01-07T10:00:00")))

    with pytest.raises(ReplayError, match=r"changed or cannot be opened(.|\n)*demo/messages/1.jsonl"):
        ingest(home.settings, write, ReplaySelection(accounts=["demo"]))

    assert home.all_rows() == before


def test_a_batch_is_selected_by_the_name_of_any_of_its_files(tmp_path):
    """A batch with rejections of several steps has several files; the second is named `<batch>-2`."""
    home = TemporaryHome(tmp_path)
    home.drop("agents/a.jsonl", b'{"id": 1}\n{"name": "no id"}\n')
    home.drop("agents/b.json", b"[{")
    home.ingest()
    names = [path.stem for path in home.settings.rejected_path.glob("2*.parquet")]
    assert any(name.endswith("-2") for name in names)
    for name in names:
        for option in (name, f"{name}.parquet"):
            batch = option.replace(*batch_of(home, name))
            result = ingest(home.settings, replay_selection=ReplaySelection(batches=[batch]))
            assert len(result.files) == 2


def batch_of(home, name):
    """Return the batch in a file name, and the batch that contains the same files now."""
    ((now,),) = home.ledger("DISTINCT batch_id")
    return name.split("-")[0], now


@pytest.mark.slow
def test_a_replay_killed_at_any_point_loses_nothing_and_the_next_ingest_completes_it(
    filled, tmp_path, monkeypatch
):
    """Crash before each write and each removal of a replay in turn, until one succeeds."""
    replace, unlink = files.replace, Path.unlink
    replay_selection = ReplaySelection(accounts=["demo"], to_day="2025-01-03")

    def attempt(folder: Path, steps: int) -> TemporaryHome:
        shutil.copytree(filled / "home", folder)
        home, left = TemporaryHome(folder, project=filled / "right"), iter(range(steps))

        def or_crash(do):
            def guarded(*arguments, **options):
                if next(left, None) is None:
                    raise KeyboardInterrupt
                return do(*arguments, **options)

            return guarded

        with monkeypatch.context() as patched:
            patched.setattr(files, "replace", or_crash(replace))
            patched.setattr(Path, "unlink", or_crash(unlink))
            ingest(home.settings, replay_selection=replay_selection)
        return home

    untouched = TemporaryHome(filled / "home").all_rows()
    whole = attempt(tmp_path / "whole", 1000).all_rows()
    for steps in range(1000):
        folder = tmp_path / str(steps)
        try:
            attempt(folder, steps)
            break
        except KeyboardInterrupt:
            crashed = TemporaryHome(folder, project=filled / "right")
            assert set(crashed.rows("messages", "id")) == {(f"m{number}",) for number in (1, 3, 4, 5)}
            crashed.ingest()
            assert crashed.all_rows() in (untouched, whole), steps
            assert not (crashed.settings.raw_path / "replay.json").exists()
    assert steps > 8


def test_the_launchpad_shows_the_options_and_runs_them(home):
    definitions = dg.Definitions(
        assets=[landing, ingest_asset], jobs=[REPLAY], resources={"settings": home.settings}
    )
    job = definitions.resolve_job_def(REPLAY.name)
    ops = job.run_config_schema.run_config_schema_type.fields["ops"].config_type
    config = ops.fields["ingest"].config_type.fields["config"].config_type
    options = config.fields["replay_selection"].config_type.inner_type.fields
    assert options.keys() == ReplaySelection.model_fields.keys()
    assert all(option.description for option in options.values())

    with dg.DagsterInstance.ephemeral() as instance:
        without_options = job.execute_in_process(instance=instance, raise_on_error=False)
        config = {"ops": {"ingest": {"config": {"replay_selection": {"accounts": ["other"]}}}}}
        with_options = job.execute_in_process(instance=instance, run_config=config)

    [failed] = without_options.get_step_failure_events()
    assert "No files are selected" in failed.step_failure_data.error.message
    assert with_options.asset_materializations_for_node("ingest")[0].metadata["files"].value == 1


def test_an_invalid_command_names_the_error_and_runs_nothing(sample, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("CONVERSATIONS_HOME", str(sample.home))
    monkeypatch.setattr(commands, "refresh", lambda *_: pytest.fail("it ran"))

    assert main(["replay"]) == 1
    assert "No files are selected" in capfd.readouterr().err
    assert main(["replay", "--accounts", "unknown", "--force"]) == 1
    assert "no ingested file matches unknown" in capfd.readouterr().err
    assert main(["rebuild", "agg_by_pigeon"]) == 2
    assert "no mart agg_by_pigeon; choose one of fct_conversations" in capfd.readouterr().err
    monkeypatch.setenv("CONVERSATIONS_HOME", str(tmp_path))
    assert main(["replay", "--everything"]) == 1
    assert "No file has been ingested yet" in capfd.readouterr().err
    assert main(["rebuild", "agg_by_agent"]) == 1
    assert "no candidate" in capfd.readouterr().err


def published_rows(settings: Settings) -> dict[str, list[tuple]]:
    """Return the rows of every published table, without the columns that differ between ingests."""
    columns = "columns(lambda name: name not in ('batch_id', 'ingested_at', 'rejected_at', 'build_id'))"
    with reader(settings) as connection:
        return {
            table: sorted(connection.execute(f"select {columns} from {table}").fetchall(), key=repr)
            for table in TABLES
        }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "changed"),
    [
        (["--files", "demo/conversations/2025-12*"], "demo/conversations/2025-12*"),
        (["--everything"], "*"),
    ],
)
def test_a_replay_corrects_wrong_raw_records_in_the_release(
    sample, tmp_path, monkeypatch, arguments, changed
):
    shutil.copytree(sample.home, tmp_path / "home")
    settings = Settings(home=tmp_path / "home", dagster=tmp_path / "home" / "dagster")
    for path in settings.raw_path.glob("conversations/*/2*.parquet"):
        with duckdb.connect() as connection:
            rows = connection.sql(f"""
                select * replace (if(_file glob '{changed}', null, contact) as contact) from '{path}'""")
            rows.write_parquet(str(tmp_path / "changed"))
        (tmp_path / "changed").replace(path)
    discard_candidate(settings)
    monkeypatch.setenv("CONVERSATIONS_HOME", str(settings.home))

    assert main(["replay", *arguments]) == 0

    assert published_rows(settings) == published_rows(sample)


@pytest.mark.slow
def test_one_mart_is_rebuilt_checked_and_published(sample, tmp_path, monkeypatch):
    settings = damaged_copy(sample, tmp_path / "home", "delete from agg_by_tag where tag = 'Reso'")
    monkeypatch.setenv("CONVERSATIONS_HOME", str(settings.home))

    assert main(["rebuild", "agg_by_tag"]) == 0

    assert published_rows(settings) == published_rows(sample)
    first, last = builds(settings)
    assert (first.is_full, last.is_full, last.result) == (True, False, "success")
    assert made_by(settings, "agg_by_tag") == {last.build_id}
    assert made_by(settings, "fct_messages") == {first.build_id}


@pytest.mark.slow
def test_a_mart_that_reads_intermediate_tables_is_rebuilt_by_a_full_build(sample, tmp_path, monkeypatch):
    settings = damaged_copy(sample, tmp_path / "home", "update fct_messages set direction = 'outbound'")
    [before] = builds(settings)
    monkeypatch.setenv("CONVERSATIONS_HOME", str(settings.home))

    assert main(["rebuild", "fct_messages"]) == 0

    assert published_rows(settings) == published_rows(sample)
    [build] = builds(settings)
    assert build.is_full
    assert build.build_id != before.build_id
    assert made_by(settings, "agg_by_tag") == made_by(settings, "fct_messages") == {build.build_id}


def damaged_copy(sample: Settings, home: Path, statement: str) -> Settings:
    """Copy the sample's home, and run a statement on its candidate."""
    shutil.copytree(sample.home, home)
    settings = Settings(home=home, dagster=home / "dagster")
    with duckdb.connect(settings.candidate_path) as connection:
        connection.execute(statement)
    return settings


def made_by(settings: Settings, table: str) -> set[str]:
    """Return the builds that made the rows of a published table."""
    with reader(settings) as connection:
        return {build for (build,) in connection.execute(f"select distinct build_id from {table}").fetchall()}
