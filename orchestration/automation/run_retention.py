"""Retention of Dagster runs: their records, events and logs.

Belongs here: which runs to delete. Does not: retention of ticks (`dagster.yaml`), of releases (`publish`) and
of ingested data (`ingest.raw_store.retention`).
"""

from datetime import UTC, datetime, timedelta

import dagster as dg

from orchestration.settings import Settings

KEEP_RUNS_DAYS = 90

_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def prune_runs(settings: Settings, instance: dg.DagsterInstance, now: datetime | None = None) -> int:
    """Delete the runs that ended more than `KEEP_RUNS_DAYS` ago, with their logs, and return their number.

    The run of the latest materialization of an asset is kept: publishing needs it to match check results to
    the table, and the UI shows it.
    """
    before = (now or datetime.now(UTC)) - timedelta(days=KEEP_RUNS_DAYS)
    entries = [record.asset_entry for record in instance.get_asset_records()]
    needed = {e.last_materialization_record.run_id for e in entries if e.last_materialization_record}
    ended = instance.get_runs(dg.RunsFilter(statuses=_ENDED, updated_before=before))
    old = [run.run_id for run in ended if run.run_id not in needed]
    for run_id in old:
        instance.delete_run(run_id)
        instance.compute_log_manager.delete_logs(prefix=[run_id])
        # SQLite storage has one file of events per run. Dagster empties it but does not delete it.
        for path in (settings.dagster_path / "history" / "runs").glob(f"{run_id}.db*"):
            path.unlink()
    return len(old)
