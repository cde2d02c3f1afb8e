"""The daily schedule of the refresh."""

import dagster as dg

from orchestration.automation.jobs import REFRESH, is_up_to_date
from orchestration.automation.notifications import NOT_RUN, send
from orchestration.ingest.raw_store.ledger import RawStoreError
from orchestration.publish.freshness import SCHEDULE
from orchestration.settings import Settings, SettingsError


def daily_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """Return the schedule of the refresh, in the zone of the settings. Turn it on in the UI."""

    @dg.schedule(
        name=SCHEDULE,
        job=REFRESH,
        cron_schedule=settings.schedule,
        execution_timezone=settings.time_zone,
        description="Runs the refresh once a day if there are changes.",
    )
    def daily() -> dg.RunRequest | dg.SkipReason:
        # If a setting or seed is invalid, the run fails with the same error and alerts.
        try:
            if is_up_to_date(settings):
                return dg.SkipReason("No changes in landing, seeds or code: the release is up to date.")
        except RawStoreError as error:
            send(settings, NOT_RUN, str(error))
            return dg.SkipReason(str(error))
        except SettingsError:
            pass
        return dg.RunRequest()

    return daily
