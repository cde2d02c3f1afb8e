"""The sensors: new exports, alerts, freshness and the removal of old runs."""

from collections.abc import Iterable
from hashlib import sha256

import dagster as dg

from orchestration.automation.home_lock import BY_HAND, fail_killed_runs
from orchestration.automation.jobs import REFRESH, REPLAY
from orchestration.automation.notifications import NOT_RUN, failure, release_alert, release_problems, send
from orchestration.automation.run_retention import KEEP_RUNS_DAYS, prune_runs
from orchestration.common.locks import exclusive
from orchestration.common.words import counted
from orchestration.ingest.raw_store.ledger import RawStoreError
from orchestration.ingest.selection import new_files
from orchestration.publish.overview import report
from orchestration.settings import Settings, SettingsError

_IN_PROGRESS = dg.RunsFilter(
    job_name=REFRESH.name,
    statuses=[
        dg.DagsterRunStatus.QUEUED,
        dg.DagsterRunStatus.NOT_STARTED,
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
        dg.DagsterRunStatus.CANCELING,
    ],
)


def new_exports_sensor(settings: Settings) -> dg.SensorDefinition:
    """Return the sensor that runs the refresh once for all new files, after they have stopped arriving.

    The cursor is a digest of the names, sizes and times of the new files. The sensor starts a run when the
    digest is the same at two ticks, so that one run ingests a whole delivery. The same files start only one
    run. If it fails for another reason, the schedule or a user starts the next one.
    """

    @dg.sensor(
        name="new_exports",
        job=REFRESH,
        minimum_interval_seconds=60,
        description="Runs the refresh when new files in landing have stopped arriving for a minute.",
    )
    def new_exports(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        try:
            files = new_files(settings)
        except (SettingsError, RawStoreError) as error:
            if context.cursor != str(error):  # alert once, not every minute
                send(settings, NOT_RUN, str(error))
            context.update_cursor(str(error))
            return dg.SkipReason(str(error))
        state = sha256(repr([(f.name, f.size, f.modified_us) for f in files]).encode()).hexdigest()
        before = context.cursor
        context.update_cursor(state)
        count = len({file.name for file in files})
        if not files:
            return dg.SkipReason("No new file in landing.")
        if state != before:
            return dg.SkipReason(f"{counted(count, 'new file')}; waiting until no more arrive.")
        if context.instance.get_runs_count(_IN_PROGRESS):
            return dg.SkipReason(
                f"{counted(count, 'new file')}; a refresh is in progress. It or the next one ingests them."
            )
        return dg.RunRequest(run_key=state, tags={"new_files": str(count)})

    return new_exports


def failure_sensor(settings: Settings, others: Iterable = ()) -> dg.SensorDefinition:
    """Return the sensor that reports a failed refresh, replay or run of the other jobs."""

    @dg.run_failure_sensor(
        name="alert_on_failure",
        monitored_jobs=[REFRESH, REPLAY, *others],
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Sends the reason of a failed run to CONVERSATIONS_ALERT_URLS.",
    )
    def alert_on_failure(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
        if BY_HAND in context.dagster_run.tags:
            return dg.SkipReason("The command line reported it.")
        entries = context.instance.all_logs(context.dagster_run.run_id)
        message = failure(settings, [entry.dagster_event for entry in entries if entry.is_dagster_event])
        context.log.error("\n".join(message))
        send(settings, *message)
        return None

    return alert_on_failure


def release_sensor(settings: Settings) -> dg.SensorDefinition:
    """Return the sensor that alerts once about each problem of the release.

    The cursor contains the problems at the last tick.
    """

    @dg.sensor(
        name="alert_on_stale_data",
        minimum_interval_seconds=3600,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Alerts CONVERSATIONS_ALERT_URLS if the release is damaged or old, or if the data of an"
        " account is old.",
    )
    def alert_on_stale_data(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        problems = release_problems(settings)
        reported = (context.cursor or "").splitlines()
        new = [problem for problem in problems if problem not in reported]
        context.update_cursor("\n".join(problems))
        if not problems:
            return dg.SkipReason("The release is intact and fresh, or there is no release.")
        if not new:
            return dg.SkipReason("The release is old or damaged; reported before.")
        message = release_alert(settings, new)
        context.log.error("\n".join(message))
        send(settings, *message)
        return dg.SkipReason("The release is old or damaged; reported.")

    return alert_on_stale_data


def overview_sensor(settings: Settings, checked: Iterable[dg.AssetsDefinition]) -> dg.SensorDefinition:
    """Return the sensor that updates `published/overview` and its verdict between runs."""

    @dg.sensor(
        name="update_overview",
        minimum_interval_seconds=300,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Updates published/overview when its freshness or the result of a check changes.",
    )
    def update_overview(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        before = context.cursor or ""
        context.update_cursor(report(settings, context.instance, checked, before))
        return dg.SkipReason("No changes." if context.cursor == before else "Updated.")

    return update_overview


def killed_run_sensor(settings: Settings) -> dg.SensorDefinition:
    """Return the sensor that marks killed runs as failed, so that the queue continues."""

    def do_not_wait() -> None:
        raise BlockingIOError

    @dg.sensor(
        name="fail_killed_runs",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Marks killed runs as failed, so that the next run in the queue starts.",
    )
    def fail_killed(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        if not settings.lock_path.exists():
            return dg.SkipReason("There is no run yet.")
        try:
            with exclusive(settings.lock_path, waiting=do_not_wait):
                killed = fail_killed_runs(settings, context.instance)
        except BlockingIOError:
            return dg.SkipReason("A run or a command is in progress.")
        return dg.SkipReason(f"Killed: {', '.join(killed)}." if killed else "No run was killed.")

    return fail_killed


def housekeeping_sensor(settings: Settings) -> dg.SensorDefinition:
    """Return the sensor that deletes old runs once a day."""

    @dg.sensor(
        name="housekeeping",
        minimum_interval_seconds=86_400,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Deletes runs that ended more than {KEEP_RUNS_DAYS} days ago, their events and logs.",
    )
    def housekeeping(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        return dg.SkipReason(f"{counted(prune_runs(settings, context.instance), 'old run')} deleted.")

    return housekeeping
