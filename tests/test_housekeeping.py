"""Old runs go with all that Dagster kept of them; what still tells of the assets as they are stays."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from orchestration.automation.run_retention import KEEP_RUNS_DAYS, prune_runs
from orchestration.commands import open_instance
from orchestration.settings import Settings


@dg.asset
def table():
    print("made")


@dg.job(name="refresh")
def nothing_made():
    pass


def test_old_runs_go_but_for_those_that_made_what_is_there_now(tmp_path):
    settings = Settings(home=tmp_path)
    later = datetime.now(UTC) + timedelta(days=KEEP_RUNS_DAYS, minutes=1)
    with open_instance(settings) as instance:
        first, last = (dg.materialize([table], instance=instance).run_id for _ in range(2))
        failed, going_on = (
            instance.create_run_for_job(nothing_made, status=status).run_id
            for status in (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.STARTED)
        )
        assert prune_runs(settings, instance) == 0
        assert list(settings.dagster_path.rglob(f"*{first}*"))

        assert prune_runs(settings, instance, later) == 2

        assert {run.run_id for run in instance.get_runs()} == {last, going_on}
        assert instance.get_latest_materialization_event(table.key).run_id == last
        assert instance.all_logs(last)
        for gone in (first, failed):
            assert not list(settings.dagster_path.rglob(f"*{gone}*"))
        assert prune_runs(settings, instance, later) == 0
