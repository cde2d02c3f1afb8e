"""Dagster's event log: what is stored is the same as Dagster's own storage keeps, and it is seen at once."""

import subprocess
import sys
import threading
from uuid import uuid4

import dagster as dg
import pytest
import sqlalchemy
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from orchestration.commands import open_instance
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
    """Return the connections that were opened from here on."""
    found = []
    sqlalchemy.event.listen(sqlalchemy.engine.Engine, "connect", listener := lambda *new: found.append(new))
    yield found
    sqlalchemy.event.remove(sqlalchemy.engine.Engine, "connect", listener)


def test_what_a_run_tells_lies_in_the_files_as_dagster_itself_reads_them(tmp_path):
    settings = Settings(home=tmp_path)
    with open_instance(settings) as instance:
        run_id = JOB.execute_in_process(instance=instance).run_id
        told = [
            record.event_log_entry
            for record in instance.event_log_storage.get_records_for_run(run_id).records
        ]

    plain = SqliteEventLogStorage(str(settings.dagster_path / "history" / "runs"))
    assert [record.event_log_entry for record in plain.get_records_for_run(run_id).records] == told
    for spec in CHECKS:
        [record] = plain.get_asset_check_execution_history(spec.key, limit=2)
        assert record.evaluation.passed == (spec.name != "check_7")
    assert not list(settings.dagster_path.glob("history/runs/*-wal")), "something stayed open"


def test_an_event_opens_no_file_of_its_own(tmp_path, opened):
    with open_instance(Settings(home=tmp_path)) as instance:
        before = len(opened)
        run_id = JOB.execute_in_process(instance=instance).run_id
        files = len(opened) - before
        assert files < len(instance.all_logs(run_id))


def test_who_watches_a_run_from_another_process_sees_its_events_before_it_ends(tmp_path):
    settings = Settings(home=tmp_path)
    enough = threading.Event()

    @dg.op
    def waits(context):
        context.log.info("look")
        assert enough.wait(30), "nobody saw it"

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


def test_what_only_some_stages_need_is_not_imported_at_the_start():
    """Great Expectations, charts and dbt take longer to import than all that is done where nothing is new."""
    late = {"dbt", "great_expectations", "altair", "pandas"}
    script = f"import sys, orchestration.__main__; print(*{late} & sys.modules.keys())"
    ended = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (0, "\n")
