"""Old runs are deleted with their events and logs, except the runs of the latest materializations."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from orchestration.automation.run_retention import KEEP_RUNS_DAYS, prune_runs
from orchestration.commands import open_instance
from orchestration.settings import Settings


@dg.asset
def table():
    print("made")


@dg.job(name="refresh")
def empty_job():
    pass


def test_old_runs_are_deleted_except_those_of_the_latest_materializations(tmp_path):
    settings = Settings(home=tmp_path)
    later = datetime.now(UTC) + timedelta(days=KEEP_RUNS_DAYS, minutes=1)
    with open_instance(settings) as instance:
        first, last = (dg.materialize([table], instance=instance).run_id for _ in range(2))
        failed, running = (
            instance.create_run_for_job(empty_job, status=status).run_id
            for status in (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.STARTED)
        )
        assert prune_runs(settings, instance) == 0
        assert list(settings.dagster_path.rglob(f"*{first}*"))

        assert prune_runs(settings, instance, later) == 2

        assert {run.run_id for run in instance.get_runs()} == {last, running}
        assert instance.get_latest_materialization_event(table.key).run_id == last
        assert instance.all_logs(last)
        for gone in (first, failed):
            assert not list(settings.dagster_path.rglob(f"*{gone}*"))
        assert prune_runs(settings, instance, later) == 0
