"""The lock of the home in Dagster runs, and the detection of killed runs.

Belongs here: holding the lock during a run, and marking a killed run as failed. Does not: the lock itself
(`common.locks`), nor the commands that hold it (`commands`).

The lock ends with its process. The lock file contains the id of the run that holds it, and is emptied when
the run ends. If the file has an id while the lock is free, that run was killed.
"""

from collections.abc import Iterator

import dagster as dg

from orchestration.automation.notifications import RUN_FAILED, send
from orchestration.common.locks import exclusive
from orchestration.settings import Settings

BY_HAND = "conversations/by_hand"  # tag of a run started from the command line, which reports its result
WAITING = "Another run is in progress; waiting for it to finish …"
KILLED = "Its process was killed. The next run repeats its work."


def locked_settings(settings: Settings) -> dg.ResourceDefinition:
    """Return the settings as a resource. A run that uses it holds the lock of the home until it ends."""

    @dg.resource(description="The settings. A run that uses them holds the lock of the home.")
    def locked(context: dg.InitResourceContext) -> Iterator[Settings]:
        settings.ensure_home()
        with exclusive(settings.lock_path, lambda: context.log.info(WAITING)):
            fail_killed_runs(settings, context.instance, context.run_id)
            settings.lock_path.write_text(context.run_id)
            try:
                yield settings
            finally:
                settings.lock_path.write_text("")

    return locked


def fail_killed_runs(settings: Settings, instance: dg.DagsterInstance, current: str = "") -> list[str]:
    """Mark the runs that were killed while they held the lock as failed, and return their ids.

    The caller, which can be the run `current`, must hold the lock. For a run from the command line this sends
    the alert, because the failure sensor skips it.
    """
    named = settings.lock_path.read_text()
    statuses = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
    by_hand = instance.get_runs(dg.RunsFilter(tags={BY_HAND: "true"}, statuses=statuses))
    left = {run.run_id: run for run in [*by_hand, *([instance.get_run_by_id(named)] if named else [])] if run}
    killed = [run for run in left.values() if not run.is_finished and run.run_id != current]
    for run in killed:
        instance.report_run_failed(run, KILLED)
        if BY_HAND in run.tags:
            send(settings, RUN_FAILED, f"Run {run.run_id}: {KILLED}")
    return [run.run_id for run in killed]
