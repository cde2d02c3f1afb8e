"""When things run: the job, its schedule and its executor.

Belongs here: jobs, schedules, sensors. Does not: what they run.
"""

import dagster as dg

from orchestration.settings import Settings

REFRESH = dg.define_asset_job(
    "refresh",
    selection=dg.AssetSelection.all(),
    description="Everything, from the exports in landing to the release. Safe to run again at any time.",
    executor_def=dg.in_process_executor,
)


def daily_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """Return the schedule of the refresh, in the set zone; it starts stopped, to be turned on in the UI."""
    return dg.ScheduleDefinition(
        name="daily",
        job=REFRESH,
        cron_schedule=settings.schedule,
        execution_timezone=settings.time_zone,
        description="The refresh, once a day.",
    )
