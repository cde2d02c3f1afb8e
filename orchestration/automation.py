"""When things run: the job, its schedule, and whether there is anything to run it for.

Belongs here: jobs, schedules, sensors. Does not: what they run.
"""

import dagster as dg

from orchestration.ingest.run import has_new_files
from orchestration.publish.release import current_release
from orchestration.publish.report import has_reports
from orchestration.settings import Settings
from orchestration.warehouse import fingerprint

REFRESH = dg.define_asset_job(
    "refresh",
    selection=dg.AssetSelection.all(),
    description="Everything, from the exports in landing to the release. Safe to run again at any time.",
    executor_def=dg.in_process_executor,
)


def is_up_to_date(settings: Settings) -> bool:
    """Return whether the release was made from all that is there now: landing, seeds and code.

    A release without its report, of the period that is set, is not finished. Raises `SettingsError` for a
    seed that makes no sense.
    """
    if has_new_files(settings):
        return False
    release = current_release(settings)
    return (
        release is not None
        and release.fingerprint == fingerprint(settings)
        and has_reports(settings, release)
    )


def daily_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """Return the schedule of the refresh, in the set zone; it starts stopped, to be turned on in the UI."""

    @dg.schedule(
        name="daily",
        job=REFRESH,
        cron_schedule=settings.schedule,
        execution_timezone=settings.time_zone,
        description="The refresh, once a day, if there is anything new.",
    )
    def daily() -> dg.RunRequest | dg.SkipReason:
        if is_up_to_date(settings):
            return dg.SkipReason("Nothing new in landing, seeds and code: the release stays.")
        return dg.RunRequest()

    return daily
