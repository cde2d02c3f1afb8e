"""The daily schedule of the refresh."""

from contextlib import suppress

import dagster as dg

from orchestration.automation.jobs import REFRESH, is_up_to_date
from orchestration.settings import Settings, SettingsError


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
        # Where not even that can be told, the run fails of the same, and whoever is to be told of it is.
        with suppress(SettingsError):
            if is_up_to_date(settings):
                return dg.SkipReason("Nothing new in landing, seeds and code: the release stays.")
        return dg.RunRequest()

    return daily
