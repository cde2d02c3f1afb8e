"""Whole runs from the command line: from exports in landing to a release.

Belongs here: behavior of all stages together. Does not: rules of a single stage (its own test module).
"""

import json
import random
import shutil
from pathlib import Path

import duckdb
import pytest
from dagster import AssetKey, AssetSelection
from temporary_home import TemporaryHome, jsonl

from orchestration.__main__ import main
from orchestration.commands import go_back, open_instance, refresh, run
from orchestration.common.words import counted, without_class
from orchestration.ingest.pipeline import ingest
from orchestration.publish.reader import reader
from orchestration.publish.release import PublishError, Release, current_release
from orchestration.publish.store import publish
from orchestration.publish.tables import PUBLISHED
from orchestration.settings import Settings
from orchestration.summary import print_summary
from orchestration.warehouse.candidate import builds, completed_build
from orchestration.warehouse.inputs import fingerprint
from samples.generate import generate
from tests.conftest import LOADING, project_with, published_rows, rows_of


def marts_rows(candidate: Path) -> dict[str, list[tuple]]:
    """Return the sorted rows of every mart that does not depend on how files are split."""
    with duckdb.connect(candidate, read_only=True) as connection:
        return rows_of(connection, LOADING)


def copy_home(settings: Settings, home: Path) -> Settings:
    shutil.copytree(settings.home, home)
    return Settings(home=home, dagster=home / "dagster")


def test_the_sample_becomes_a_release_and_a_summary(sample, sample_output):
    release = current_release(sample)

    assert release.rows["fct_conversations"] == 2000
    assert release.rows["fct_messages"] == 14_848
    assert release.data_through == "2025-12-31T22:22:26Z"
    for line in (
        "Landing was empty: the sample exports (account demo) were copied to",
        "22,524      22,518           6",
        "demo/conversations/2025-10.jsonl, line 40: it is not valid JSON",
        "(the sample has it on purpose)",
        "0 failed; ",
        "publish    18 tables, ",
        "report     8 pages ",
        f"{release.release_id}, new",
        "Overview  2,000 conversations, 14,848 messages, 654 contacts",
        "By agent  7 agents; Giulia Ferri",
        "By tag    10 tags; Spedizione",
        "Details   2,000 conversations; 70 reopened",
        f"To send   {sample.published_path / 'report' / 'index.html'}",
        "make sql",
        "make ui",
    ):
        assert line in sample_output


def test_the_summary_names_unknown_fields_and_labels_only_the_rejections_of_the_sample(tmp_path, capfd):
    home = TemporaryHome(tmp_path)
    fields = {f"strange_{number}": 1 for number in range(9)}
    home.drop("agents/a.jsonl", jsonl({"id": 1} | fields, {"id": None}))
    home.ingest()

    print_summary(home.settings, None)

    output = capfd.readouterr().out
    assert "unknown fields of agents, ignored: strange_0, strange_1," in output
    assert "strange_7 and 1 other\n" in output
    assert "demo/agents/a.jsonl, line 2: id is missing" in output
    assert "on purpose" not in output
    assert without_class("dagster._core.events.Failure: a: b.C: d\n") == "a: b.C: d"
    assert without_class("The disk is full: x") == "The disk is full: x"
    assert [counted(number, "file") for number in (0, 1, 2000)] == ["0 files", "1 file", "2,000 files"]


def test_a_run_without_new_files_changes_nothing(sample, tmp_path, capfd):
    settings = copy_home(sample, tmp_path / "home")
    names = ("reports.duckdb", "release.json", "report/demo.last_full_month.en.html")
    published = [settings.published_path / name for name in names]
    before = [(path.stat().st_ino, path.stat().st_mtime_ns) for path in published]

    assert run(settings) == 0

    assert [(path.stat().st_ino, path.stat().st_mtime_ns) for path in published] == before
    output = capfd.readouterr().out
    assert "0 new files in this run" in output
    assert "none run: no changes" in output
    assert "unchanged" in output
    assert "dbt" not in output


@pytest.mark.slow
def test_a_failed_check_keeps_the_last_release_and_is_named(sample, tmp_path, capfd):
    settings = copy_home(sample, tmp_path / "home")
    before = published_rows(settings), current_release(settings)
    bad = settings.landing_path / "demo" / "surveys" / "2026-01.jsonl"
    bad.write_text('{"id": "s-bad", "conversation": "c-1", "rating": 12}\n' * 50)

    assert run(settings) == 1

    assert (published_rows(settings), current_release(settings)) == before
    output = capfd.readouterr().out
    assert "FAILED: marts/csat_summary rejection_rate_within_limit" in output
    assert "demo/surveys: 50 of 50 records, most in demo/surveys/2026-01.jsonl" in output
    assert f"{before[1].release_id}, unchanged" in output


@pytest.mark.slow
def test_the_next_run_publishes_what_an_interrupted_run_ingested(sample, tmp_path, capfd):
    settings = copy_home(sample, tmp_path / "home")
    late = {
        "id": "m-late",
        "timestamp": "2025-12-31T22:59:00Z",
        "conversation": "c-x",
        "direction": "INBOUND",
    }
    (settings.landing_path / "demo" / "messages" / "late.jsonl").write_text(json.dumps(late))
    ingest(settings)
    before = current_release(settings)

    assert run(settings) == 0

    release = current_release(settings)
    assert release.rows["fct_messages"] == 14_849
    assert release.source_files == before.source_files + 1
    assert "publish    18 tables" in capfd.readouterr().out
    full, increment = builds(settings)
    assert (full.is_full, full.build_id) == (True, before.build_id)
    assert (increment.is_full, increment.build_id) == (False, release.build_id)
    with reader(settings) as connection:
        scoped = "select count(*) from quality_results where found like '%in the rows not yet released'"
        assert connection.execute(scoped).fetchone()[0] > 50
        made = connection.execute("select build_id, count(*) from fct_messages group by all").fetchall()
        assert dict(made) == {full.build_id: 14_848, increment.build_id: 1}
        counted = connection.execute(
            "select sum(inbound_messages + outbound_messages) from reporting.rpt_counts_by_day"
        )
        assert counted.fetchone() == (14_849,)
    old, new = (months(settings, kept) for kept in (before, release))
    assert old.keys() == new.keys()
    assert {name for name in old if new[name] != old[name]} == {"fct_messages.parquet/2025-12.parquet"}


def months(settings: Settings, release: Release) -> dict[str, int]:
    """Return the inode of each month's Parquet file of a release."""
    folder = settings.published_path / release.parquet
    return {str(path.relative_to(folder)): path.stat().st_ino for path in folder.glob("*/*.parquet")}


@pytest.mark.slow
def test_after_a_rollback_nothing_is_published_until_new_files_arrive(sample, tmp_path, capfd):
    settings = copy_home(sample, tmp_path / "home")
    agents = settings.landing_path / "demo" / "agents"
    before = current_release(settings).release_id
    (agents / "bad.jsonl").write_text('{"id": "ag-1", "first_name": "Wrong"}')
    assert run(settings) == 0
    capfd.readouterr()

    assert go_back(settings, None) == 0

    assert f"Release {before} is current again" in capfd.readouterr().out
    with open_instance(settings) as instance:
        key = AssetKey(["published", "dim_agents"])
        (observation,) = instance.fetch_observations(key, limit=1).records
    assert observation.asset_observation.metadata["release"].value == before
    assert run(settings) == 0
    assert current_release(settings).release_id == before
    assert "none run: no changes" in capfd.readouterr().out

    (agents / "good.jsonl").write_text('{"id": "ag-1", "first_name": "Right"}')
    assert run(settings) == 0
    assert current_release(settings).release_id > before
    with reader(settings) as connection:
        names = connection.execute("select agent_name from dim_agents where source_agent_id = 'ag-1'")
        assert names.fetchone() == ("Right",)


@pytest.mark.slow
def test_a_candidate_in_which_only_one_mart_is_current_is_not_published(sample, tmp_path):
    settings = copy_home(sample, tmp_path / "home")
    one = AssetSelection.assets(["marts", "agg_by_tag"])
    published = AssetSelection.assets(*(["published", table] for table in PUBLISHED))
    assert refresh(settings, [one]).success
    assert completed_build(settings).fingerprint == fingerprint(settings)

    (settings.landing_path / "demo" / "agents" / "new.jsonl").write_text('{"id": "ag-99"}')
    ingest(settings)
    assert not refresh(settings, [one]).success, "no check passes without a completed build"
    assert completed_build(settings) is None
    before = current_release(settings)
    with pytest.raises(PublishError, match="last build of the candidate did not complete"):
        publish(settings, {})
    assert current_release(settings) == before
    assert not refresh(settings, [published]).success
    assert current_release(settings) == before

    assert run(settings) == 0
    assert [(build.is_full, build.result) for build in builds(settings)] == [(True, "success")]
    assert current_release(settings).rows["dim_agents"] == before.rows["dim_agents"] + 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_records_in_any_order_and_split_give_the_same_rows(build, tmp_path, seed):
    """Ingest a landing at once, and its lines shuffled over other files in several runs."""
    generate(tmp_path / "landing", conversations=120, seed=seed, file_format="jsonl")
    whole = build(tmp_path / "landing", tmp_path / "whole")

    rng = random.Random(seed)
    for run_number in range(3):
        for entity in (tmp_path / "landing" / "demo").iterdir():
            target = tmp_path / "split" / "demo" / entity.name
            target.mkdir(parents=True, exist_ok=True)
            for path in entity.iterdir():
                # Agents have no update time, so their file names decide between versions.
                name = path.name if entity.name == "agents" else f"{rng.random()}.jsonl"
                lines = path.read_text().splitlines()
                part = lines if entity.name == "agents" else rng.sample(lines, len(lines) * 2 // 3)
                if run_number == 2 and entity.name != "agents":
                    part = lines[::-1]
                if entity.name != "agents" or rng.random() < 0.5 or run_number == 2:
                    (target / name).write_text("\n".join(part) + "\n")
        ingest(Settings(home=tmp_path / "home", landing=tmp_path / "split"))
    split = build(tmp_path / "split", tmp_path / "home")

    assert marts_rows(split) == marts_rows(whole)


def test_the_folder_of_an_unknown_account_is_named_and_other_folders_are_ingested(sample, tmp_path, capfd):
    settings = copy_home(sample, tmp_path / "home")
    (settings.landing_path / "unknown" / "messages").mkdir(parents=True)

    assert run(settings) == 0

    assert "unknown/: no account of this name; add it to accounts.csv" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("SCHEDULE", "every day", "not a cron schedule"),
        ("TIME_ZONE", "Mars/Olympus", "not a zone of the IANA database"),
        ("KEEP_RELEASES", "0", "greater than or equal to 1"),
        ("MAX_REJECTED_SHARE", "5%", "valid number"),
        ("MEMORY_LIMIT", "much", "should match pattern"),
        ("LANDING", "s3://", "not a URL; write for example s3://bucket/prefix"),
        ("LANDING", "s3://key:secret@bucket", "must not contain a password, key or query"),
        ("STALE_AFTER_HOURS", "100", "must not exceed CONVERSATIONS_STALE_ERROR_AFTER_HOURS"),
    ],
)
def test_an_invalid_setting_is_named_and_nothing_runs(monkeypatch, capfd, name, value, complaint):
    monkeypatch.setenv(f"CONVERSATIONS_{name}", value)

    assert main(["run"]) == 2

    error = capfd.readouterr().err
    assert f"CONVERSATIONS_{name}" in error
    assert complaint in error
    assert "Traceback" not in error


def test_an_invalid_seed_is_named_and_nothing_runs(tmp_path, capfd):
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "accounts.csv").write_text(
        "account_id,platform,time_zone\ndemo,pigeons,Europe/Rome\n"
    )
    project = project_with(tmp_path / "seeds", tmp_path / "project")

    assert run(Settings(home=tmp_path / "home", project=project)) == 2

    error = capfd.readouterr().err
    assert (
        "accounts.csv: line 2, column platform: 'pigeons' is invalid; expected one of activecampaign" in error
    )
    assert "Traceback" not in error


def test_a_short_hash_key_is_rejected_and_not_shown(monkeypatch, capfd):
    monkeypatch.setenv("CONVERSATIONS_HASH_KEY", "hunter2")

    assert main(["run"]) == 2

    error = capfd.readouterr().err
    assert "CONVERSATIONS_HASH_KEY" in error
    assert "hunter2" not in error


def test_no_personal_data_of_contacts_is_in_the_release_or_a_log(sample):
    with duckdb.connect() as connection:
        contact = connection.execute(
            "select first_name, last_name, email, phone"
            f" from read_csv('{sample.landing_path}/demo/contacts/*.csv') limit 200"
        ).fetchall()
    key = sample.hash_key_path.read_text()
    secrets = {value for row in contact for value in row[2:] if value} | {key}
    release = (sample.published_path / "reports.duckdb").read_bytes()
    logs = b"".join(path.read_bytes() for path in sample.dbt_target_path.rglob("*") if path.is_file())

    for secret in secrets:
        assert secret.encode() not in release
        assert secret.encode() not in logs
