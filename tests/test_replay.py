"""Files read again: the rows are then those of a landing read for the first time, whatever happens meanwhile.

Belongs here: replays and rebuilds, from the choice of files to the release. Does not: a full refresh that
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
from orchestration.ingest.assets import ingest as take_in
from orchestration.ingest.assets import landing
from orchestration.ingest.parsing import layouts
from orchestration.ingest.parsing.file_bytes import BadFileError
from orchestration.ingest.pipeline import ingest
from orchestration.ingest.raw_store.replay import Again, ReplayError
from orchestration.ingest.selection import check_replay
from orchestration.publish.reader import reader
from orchestration.publish.tables import TABLES
from orchestration.settings import Settings
from orchestration.warehouse.candidate import builds
from tests.conftest import project_with
from tests.house import House, jsonl


def message(number: int, at: str, **fields: str) -> dict:
    return {"id": f"m{number}", "timestamp": at, "direction": "INBOUND", **fields}


def fill(house: House) -> None:
    """Drop files of two batches, two accounts and four days; a bad line, a copy, and a file that grew."""
    house.drop("messages/1.jsonl", jsonl(message(1, "2025-01-01T23:30:00"), message(2, "none")))
    house.drop("messages/2.jsonl", jsonl(message(3, "2025-01-03T10:00:00")))
    house.drop("agents/1.jsonl", jsonl({"id": "a1"}))
    house.drop("messages/1.jsonl", jsonl(message(4, "2025-01-01T10:00:00")), account="other")
    house.ingest()
    house.drop("messages/3.jsonl", jsonl(message(5, "2025-01-03T23:30:00Z")))
    house.drop("messages/copy of 2.jsonl", jsonl(message(3, "2025-01-03T10:00:00")))
    house.ingest()


def project(folder: Path, zone: str) -> Path:
    """Return a project of two accounts in this zone."""
    (folder / "given").mkdir(parents=True)
    rows = "".join(f"{name},activecampaign,{zone}\n" for name in ("demo", "other"))
    (folder / "given" / "accounts.csv").write_text("account_id,platform,time_zone\n" + rows)
    return project_with(folder / "given", folder)


@pytest.fixture(scope="module")
def filled(tmp_path_factory) -> Path:
    """Return the home of what was taken in by two batches, in a zone that turns out to be the wrong one."""
    folder = tmp_path_factory.mktemp("filled")
    fill(House(folder / "home", project=project(folder / "wrong", "Asia/Tokyo")))
    project(folder / "right", "Europe/Rome")
    return folder


@pytest.fixture
def house(filled: Path, tmp_path: Path) -> House:
    """Return a copy of that home, under the right zone."""
    shutil.copytree(filled / "home", tmp_path / "home")
    return House(tmp_path / "home", project=filled / "right")


def files_read_by(house: House, batch_id: str) -> set[str]:
    return {file for file, batch in house.ledger("file, batch_id") if batch == batch_id}


def bytes_of(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("again", "files"),
    [
        (Again(files=["demo/messages/1*"]), {"demo/messages/1.jsonl"}),
        (Again(files=["demo/messages/2.jsonl"]), {"demo/messages/2.jsonl", "demo/messages/copy of 2.jsonl"}),
        (Again(accounts=["other"]), {"other/messages/1.jsonl"}),
        (Again(entities=["agents"]), {"demo/agents/1.jsonl"}),
        # The day is that of the account, where it may be the next one already.
        (Again(to_day="2025-01-01"), {"demo/messages/1.jsonl", "other/messages/1.jsonl"}),
        (
            Again(from_day="2025-01-02", to_day="2025-01-03"),
            {"demo/messages/2.jsonl", "demo/messages/copy of 2.jsonl"},
        ),
        (Again(accounts=["demo"], from_day="2025-01-04"), {"demo/messages/3.jsonl"}),
    ],
)
def test_what_fits_all_that_is_given_is_read_again_and_nothing_else(house, again, files):
    before = house.ledger("file, batch_id")

    result = ingest(house.settings, again=again)

    assert files_read_by(house, result.batch_id) == files
    kept = {row for row in before if row[0] not in files}
    assert kept == {row for row in house.ledger("file, batch_id") if row[1] != result.batch_id}
    assert {batch for (batch,) in house.rows("messages", "_batch_id")} <= {
        batch for (batch,) in house.ledger("batch_id")
    }


def test_all_read_again_is_as_if_read_for_the_first_time(house, tmp_path):
    wrong = house.rows("messages", "timestamp")
    for again in (Again(accounts=["demo"]), Again(from_day="2025-01-01", accounts=["other"])):
        ingest(house.settings, again=again)

    fresh = House(tmp_path / "fresh", project=house.settings.project, landing=house.settings.landing_path)
    fresh.ingest()
    assert house.everything() == fresh.everything()
    assert house.rows("messages", "timestamp") != wrong
    assert house.ingest().batch_id is None


def test_a_full_refresh_leaves_no_file_of_an_earlier_batch(house):
    result = ingest(house.settings, again=Again(everything=True))

    written = {path.name for path in house.settings.home.rglob("2*.parquet")}
    assert {name[: len(result.batch_id)] for name in written} == {result.batch_id}
    assert not (house.settings.raw_path / "replay.json").exists()


def test_a_replay_discards_the_candidate_and_an_ordinary_ingest_does_not(house):
    candidate = house.settings.warehouse_path, house.settings.candidate_path
    for path in candidate:
        path.touch()
    house.drop("agents/new.jsonl", jsonl({"id": "a9"}))
    house.ingest()
    assert all(path.exists() for path in candidate)

    ingest(house.settings, again=Again(entities=["agents"]))

    assert not any(path.exists() for path in candidate)


def test_a_file_refused_by_a_rule_that_was_wrong_is_loaded(tmp_path, monkeypatch):
    house = House(tmp_path)
    house.drop("agents/1.csv", "id;first_name\na1;Anna\n")

    def refuse(header: str, entity: object) -> layouts.Layout:
        raise BadFileError("its header is refused by a rule", "change the rule")

    with monkeypatch.context() as patched:
        patched.setattr(layouts, "csv_layout", refuse)
        house.ingest()
    assert house.ledger("status") == [("rejected",)]

    ingest(house.settings, again=Again(files=["demo/agents/1.csv"]))

    assert house.ledger("status, records_accepted") == [("loaded", 1)]
    assert house.rejected() == []


def test_a_damaged_raw_file_is_replaced_unread(house):
    (batch, *_) = sorted({batch for (batch,) in house.ledger("batch_id")})
    whole = house.rows("messages", "id")
    for path in house.settings.raw_path.glob(f"messages/*/{batch}*.parquet"):
        path.write_bytes(b"damaged")

    ingest(house.settings, again=Again(batches=[batch], entities=["messages"]))

    assert house.rows("messages", "id") == whole


def test_who_was_forgotten_stays_so(tmp_path):
    folder = project(tmp_path / "project", "Europe/Rome")
    house = House(tmp_path / "home", project=folder)
    house.drop("messages/1.jsonl", jsonl(message(1, "2025-01-01T10:00:00Z", contact="c-secret")))
    house.ingest()
    (folder / "seeds" / "erasures.csv").write_text(
        "account_id,contact_id,requested_on\ndemo,c-secret,2025-02-01\n"
    )

    ingest(house.settings, again=Again(everything=True))

    [(contact,)] = house.rows("messages", "contact")
    assert contact.startswith("erased-")


@pytest.mark.parametrize(
    ("again", "told"),
    [
        (Again(), "No files are selected"),
        (Again(force=True), "No files are selected"),
        (Again(everything=True, accounts=["demo"]), "everything cannot be combined"),
        (Again(accounts=["demo", "nobody"]), "accounts: no ingested file matches nobody"),
        (Again(entities=["pigeons"]), "entities: no ingested file matches pigeons"),
        (Again(files=["demo/*", "*/2024*"]), "files: no ingested file matches */2024*"),
        (Again(batches=["20250101"]), "batches: no ingested file matches 20250101"),
        (Again(from_day="2025-13-01"), "from_day '2025-13-01' is not a date: write YYYY-MM-DD"),
        (Again(from_day="2025-01-02", to_day="2025-01-01"), "is later than to_day"),
        (Again(from_day="2026-01-01"), "No ingested file matches all options"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused_and_nothing_is_touched(house, again, told):
    before = bytes_of(house.settings.home)

    for attempt in (check_replay, lambda settings, again: ingest(settings, again=again)):
        with pytest.raises(ReplayError, match=told.replace("*", r"\*")):
            attempt(house.settings, again)

    assert bytes_of(house.settings.home) == before


def test_what_landing_no_longer_holds_is_named_and_kept(house):
    landing = house.settings.landing_path / "demo" / "messages"
    (landing / "1.jsonl").unlink()
    (landing / "3.jsonl").write_bytes(jsonl(message(6, "2025-01-05T10:00:00")))
    (landing / "2.jsonl").unlink()  # its copy holds the same
    before = bytes_of(house.settings.home)

    with pytest.raises(ReplayError) as refused:
        ingest(house.settings, again=Again(everything=True))

    assert "2 of these files are no longer in landing" in str(refused.value)
    assert "demo/messages/1.jsonl" in str(refused.value)
    assert "demo/messages/3.jsonl" in str(refused.value)
    assert bytes_of(house.settings.home) == before

    result = ingest(house.settings, again=Again(everything=True, force=True))

    assert files_read_by(house, result.batch_id) == {
        "demo/agents/1.jsonl",
        "demo/messages/3.jsonl",
        "demo/messages/copy of 2.jsonl",
        "other/messages/1.jsonl",
    }
    assert sorted(house.rows("messages", "id")) == [(f"m{number}",) for number in (1, 3, 4, 5, 6)]
    with pytest.raises(ReplayError, match="there is nothing to read again"):
        ingest(house.settings, again=Again(files=["demo/messages/1.jsonl"], force=True))


def test_a_file_that_changes_while_it_is_read_again_stays_as_it_was(house):
    before = house.everything()

    def write(_message: str) -> None:
        house.drop("messages/1.jsonl", jsonl(message(7, "2025-01-07T10:00:00")))

    with pytest.raises(ReplayError, match=r"changed or cannot be opened(.|\n)*demo/messages/1.jsonl"):
        ingest(house.settings, write, Again(accounts=["demo"]))

    assert house.everything() == before


def test_a_batch_is_chosen_by_the_name_of_any_of_its_files(tmp_path):
    """A batch with a record rejected at once has several files, the second of them named `<batch>-2`."""
    house = House(tmp_path)
    house.drop("agents/a.jsonl", b'{"id": 1}\n{"name": "no id"}\n')
    house.drop("agents/b.json", b"[{")
    house.ingest()
    names = [path.stem for path in house.settings.rejected_path.glob("2*.parquet")]
    assert any(name.endswith("-2") for name in names)
    for name in names:
        for written in (name, f"{name}.parquet"):
            result = ingest(house.settings, again=Again(batches=[written.replace(*batch_of(house, name))]))
            assert len(result.files) == 2


def batch_of(house, name):
    """Return the batch in a name, and the batch that holds the same files now."""
    ((now,),) = house.ledger("DISTINCT batch_id")
    return name.split("-")[0], now


@pytest.mark.slow
def test_killed_at_any_point_nothing_is_lost_and_the_next_ingest_finishes(filled, tmp_path, monkeypatch):
    """Crash before each write and each removal of a replay in turn, until one goes through."""
    replace, unlink = files.replace, Path.unlink
    again = Again(accounts=["demo"], to_day="2025-01-03")

    def attempt(home: Path, steps: int) -> House:
        shutil.copytree(filled / "home", home)
        house, left = House(home, project=filled / "right"), iter(range(steps))

        def or_crash(do):
            def guarded(*arguments, **options):
                if next(left, None) is None:
                    raise KeyboardInterrupt
                return do(*arguments, **options)

            return guarded

        with monkeypatch.context() as patched:
            patched.setattr(files, "replace", or_crash(replace))
            patched.setattr(Path, "unlink", or_crash(unlink))
            ingest(house.settings, again=again)
        return house

    untouched = House(filled / "home").everything()
    whole = attempt(tmp_path / "whole", 1000).everything()
    for steps in range(1000):
        home = tmp_path / str(steps)
        try:
            attempt(home, steps)
            break
        except KeyboardInterrupt:
            crashed = House(home, project=filled / "right")
            assert set(crashed.rows("messages", "id")) == {(f"m{number}",) for number in (1, 3, 4, 5)}
            crashed.ingest()
            assert crashed.everything() in (untouched, whole), steps
            assert not (crashed.settings.raw_path / "replay.json").exists()
    assert steps > 8


def test_the_launchpad_shows_the_fields_and_runs_them(house):
    rooms = dg.Definitions(assets=[landing, take_in], jobs=[REPLAY], resources={"settings": house.settings})
    job = rooms.resolve_job_def(REPLAY.name)
    ops = job.run_config_schema.run_config_schema_type.fields["ops"].config_type
    config = ops.fields["ingest"].config_type.fields["config"].config_type
    again = config.fields["again"].config_type.inner_type
    assert again.fields.keys() == Again.model_fields.keys()
    assert all(field.description for field in again.fields.values())

    with dg.DagsterInstance.ephemeral() as instance:
        unsaid = job.execute_in_process(instance=instance, raise_on_error=False)
        config = {"ops": {"ingest": {"config": {"again": {"accounts": ["other"]}}}}}
        said = job.execute_in_process(instance=instance, run_config=config)

    [failed] = unsaid.get_step_failure_events()
    assert "No files are selected" in failed.step_failure_data.error.message
    assert said.asset_materializations_for_node("ingest")[0].metadata["files"].value == 1


def test_a_refused_command_says_why_and_runs_nothing(sample, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("CONVERSATIONS_HOME", str(sample.home))
    monkeypatch.setattr(commands, "refresh", lambda *_: pytest.fail("it ran"))

    assert main(["replay"]) == 1
    assert "No files are selected" in capfd.readouterr().err
    assert main(["replay", "--accounts", "nobody", "--force"]) == 1
    assert "no ingested file matches nobody" in capfd.readouterr().err
    assert main(["rebuild", "agg_by_pigeon"]) == 2
    assert "no mart agg_by_pigeon; choose one of fct_conversations" in capfd.readouterr().err
    monkeypatch.setenv("CONVERSATIONS_HOME", str(tmp_path))
    assert main(["replay", "--everything"]) == 1
    assert "No file has been ingested yet" in capfd.readouterr().err
    assert main(["rebuild", "agg_by_agent"]) == 1
    assert "no candidate" in capfd.readouterr().err


def published_rows(settings: Settings) -> dict[str, list[tuple]]:
    """Return the rows of every published table, without the columns that differ between any two loadings."""
    columns = "columns(lambda name: name not in ('batch_id', 'ingested_at', 'rejected_at', 'build_id'))"
    with reader(settings) as connection:
        return {
            table: sorted(connection.execute(f"select {columns} from {table}").fetchall(), key=repr)
            for table in TABLES
        }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "spoilt"),
    [
        (["--files", "demo/conversations/2025-12*"], "demo/conversations/2025-12*"),
        (["--everything"], "*"),
    ],
)
def test_what_was_read_wrongly_is_published_right_after_a_replay(
    sample, tmp_path, monkeypatch, arguments, spoilt
):
    shutil.copytree(sample.home, tmp_path / "home")
    settings = Settings(home=tmp_path / "home", dagster=tmp_path / "home" / "dagster")
    for path in settings.raw_path.glob("conversations/*/2*.parquet"):
        with duckdb.connect() as connection:
            rows = connection.sql(f"""
                select * replace (if(_file glob '{spoilt}', null, contact) as contact) from '{path}'""")
            rows.write_parquet(str(tmp_path / "spoilt"))
        (tmp_path / "spoilt").replace(path)
    discard_candidate(settings)
    monkeypatch.setenv("CONVERSATIONS_HOME", str(settings.home))

    assert main(["replay", *arguments]) == 0

    assert published_rows(settings) == published_rows(sample)


@pytest.mark.slow
def test_one_mart_is_rebuilt_alone_checked_and_published(sample, tmp_path, monkeypatch):
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
    """Copy the sample's home, and change its candidate."""
    shutil.copytree(sample.home, home)
    settings = Settings(home=home, dagster=home / "dagster")
    with duckdb.connect(settings.candidate_path) as connection:
        connection.execute(statement)
    return settings


def made_by(settings: Settings, table: str) -> set[str]:
    """Return the builds that made the rows of a published table."""
    with reader(settings) as connection:
        return {build for (build,) in connection.execute(f"select distinct build_id from {table}").fetchall()}
