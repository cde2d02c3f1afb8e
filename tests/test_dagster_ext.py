"""The private APIs of Dagster and dagster-dbt that this project uses behave as expected.

Belongs here: a contract test for each use of a private API in `orchestration.dagster_ext`. Does not: the code
that uses it.
"""

import inspect
import subprocess
import sys
import threading
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest
import sqlalchemy
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster_dbt import DbtCliResource

from orchestration.commands import open_instance
from orchestration.dagster_ext.check_history import latest_evaluation
from orchestration.dagster_ext.dbt_program import DbtProgram
from orchestration.dagster_ext.sqlite_storage import EventLog
from orchestration.settings import PROJECT, Settings

CHECKS = [dg.AssetCheckSpec(f"check_{number}", asset="table") for number in range(20)]


@dg.asset
def table():
    return None


@dg.multi_asset_check(specs=CHECKS)
def checks():
    for spec in CHECKS:
        yield dg.AssetCheckResult(
            asset_key="table", check_name=spec.name, passed=spec.name != "check_7", metadata={"found": 1}
        )


JOB = dg.Definitions(
    [table], asset_checks=[checks], executor=dg.in_process_executor
).resolve_implicit_global_asset_job_def()


@pytest.fixture
def opened():
    """Return the list of connections that the test opens."""
    found = []
    sqlalchemy.event.listen(sqlalchemy.engine.Engine, "connect", listener := lambda *new: found.append(new))
    yield found
    sqlalchemy.event.remove(sqlalchemy.engine.Engine, "connect", listener)


# The history of checks


def test_the_latest_evaluation_is_the_last_result_or_none():
    with dg.DagsterInstance.ephemeral() as instance:
        assert [latest_evaluation(instance, spec.key) for spec in CHECKS] == [None] * 20
        JOB.execute_in_process(instance=instance, raise_on_error=False)
        passed = [latest_evaluation(instance, spec.key).passed for spec in CHECKS]
        instance.create_run_for_job(JOB)  # plans the checks again
        assert passed == [spec.name != "check_7" for spec in CHECKS]
        assert [latest_evaluation(instance, spec.key).passed for spec in CHECKS] == passed


# dagster-dbt


DBT = """#!/bin/sh
echo "$@" >> "$(dirname "$0")/calls"
echo "installed: 1.11.16"
"""


@pytest.fixture
def project(tmp_path):
    """Return the arguments of a resource whose dbt program only logs its arguments."""
    program = tmp_path / "dbt"
    program.write_text(DBT)
    program.chmod(0o755)
    (tmp_path / "dbt_project.yml").write_text("name: empty\nprofile: empty\n")
    (tmp_path / "profiles.yml").write_text(
        "empty: {target: dev, outputs: {dev: {type: duckdb, path: ':memory:'}}}\n"
    )
    return {"project_dir": str(tmp_path), "profiles_dir": str(tmp_path), "dbt_executable": str(program)}


def calls(resource, folder):
    """Return the arguments of each dbt process that a resource starts for one command."""
    calls = folder / "calls"
    calls.unlink(missing_ok=True)
    resource.cli(["parse"], target_path=folder / "target").wait()
    return [line.split() for line in calls.read_text().splitlines()]


def test_a_command_starts_dbt_once_without_a_call_for_its_version(project, tmp_path):
    [own] = calls(DbtProgram(**project), tmp_path)
    assert "parse" in own
    assert calls(DbtCliResource(**project), tmp_path) == [["--version"], own]


def test_a_command_builds_no_adapter_in_contrast_to_dagster_dbt(project, tmp_path, monkeypatch):
    built = []
    monkeypatch.setattr(
        DbtCliResource, "_initialize_dbt_core_adapter", lambda self, args: built.append("parse" in args)
    )
    calls(DbtCliResource(**project), tmp_path)
    assert built == [True]
    calls(DbtProgram(**project), tmp_path)
    assert built == [True]


# Dagster's storage in SQLite


def test_the_overridden_methods_exist_in_the_event_log_of_dagster():
    for name in ("_connect", "store_event", "has_table", "dispose"):
        own, replaced = (inspect.signature(getattr(kind, name)) for kind in (EventLog, SqliteEventLogStorage))
        assert list(own.parameters) == list(replaced.parameters), name


def test_dagster_uses_this_storage_and_commits_without_fsync(tmp_path):
    with open_instance(Settings(home=tmp_path)) as instance:
        log = instance.event_log_storage
        assert isinstance(log, EventLog)
        with log.index_connection() as connection:
            assert connection.exec_driver_sql("pragma synchronous").scalar() == 1  # normal
            assert connection.exec_driver_sql("pragma journal_mode").scalar() == "wal"


def test_the_storage_of_dagster_reads_the_events_of_a_run(tmp_path):
    settings = Settings(home=tmp_path)
    with open_instance(settings) as instance:
        run_id = JOB.execute_in_process(instance=instance).run_id
        events = [
            record.event_log_entry
            for record in instance.event_log_storage.get_records_for_run(run_id).records
        ]

    plain = SqliteEventLogStorage(str(settings.dagster_path / "history" / "runs"))
    assert [record.event_log_entry for record in plain.get_records_for_run(run_id).records] == events
    for spec in CHECKS:
        [record] = plain.get_asset_check_execution_history(spec.key, limit=2)
        assert record.evaluation.passed == (spec.name != "check_7")
    assert not list(settings.dagster_path.glob("history/runs/*-wal")), "a connection is still open"


def test_events_share_connections(tmp_path, opened):
    with open_instance(Settings(home=tmp_path)) as instance:
        before = len(opened)
        run_id = JOB.execute_in_process(instance=instance).run_id
        files = len(opened) - before
        assert files < len(instance.all_logs(run_id))


def test_an_observer_sees_the_events_of_a_run_before_it_ends(tmp_path):
    settings = Settings(home=tmp_path)
    enough = threading.Event()

    @dg.op
    def waits(context):
        context.log.info("look")
        assert enough.wait(30), "the event was not seen"

    @dg.job(executor_def=dg.in_process_executor)
    def watched():
        waits()

    def look(event, _cursor):
        if "look" in event.message:
            enough.set()

    run_id = str(uuid4())
    with open_instance(settings) as instance, open_instance(settings) as other:
        other.watch_event_logs(run_id, None, look)
        assert watched.execute_in_process(instance=instance, run_id=run_id).success


def test_libraries_of_single_stages_are_not_imported_at_the_start():
    """The imports of Great Expectations, charts and dbt take longer than a run without changes."""
    late = {"dbt", "great_expectations", "altair", "pandas"}
    script = f"import sys, orchestration.__main__; print(*{late} & sys.modules.keys())"
    ended = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (0, "\n")


def test_commands_of_dagster_find_the_storage_if_only_the_home_is_set(tmp_path, monkeypatch):
    """`dagster run list` and others read `dagster.yaml` in a shell that sets no variable but this one."""
    monkeypatch.setenv("CONVERSATIONS_HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", str(PROJECT))
    with dg.DagsterInstance.get() as instance:
        run = instance.create_run_for_job(JOB)
        folder = tmp_path / "dagster"
        assert Path(instance.storage_directory()).is_relative_to(folder)
        assert Path(instance.compute_log_manager.get_captured_local_path([run.run_id], "out")).is_relative_to(
            folder
        )
        assert [record.run_id for record in instance.get_runs()] == [run.run_id]
    assert (folder / "history" / "runs.db").exists()
