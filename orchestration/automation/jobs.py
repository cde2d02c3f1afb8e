"""The jobs, and whether a run is needed."""

import dagster as dg

from orchestration.ingest.pipeline import has_changes
from orchestration.ingest.raw_store.replay import Again
from orchestration.publish.page.report import has_reports
from orchestration.publish.release import current_release, is_intact
from orchestration.publish.store import outdated_releases
from orchestration.settings import Settings
from orchestration.warehouse.inputs import fingerprint

# Fetching from an API is a separate job. A refresh reads the files in landing.
EVERYTHING = dg.AssetSelection.all() - dg.AssetSelection.groups("landing")

REFRESH = dg.define_asset_job(
    "refresh",
    selection=EVERYTHING,
    description="Ingests the exports in landing, builds, checks and publishes. Safe to repeat.",
    executor_def=dg.in_process_executor,
)

REPLAY = dg.define_asset_job(
    "replay",
    selection=EVERYTHING,
    description="Ingests files again, then rebuilds and publishes everything. Select files in the launchpad;"
    " `everything: true` makes it a full refresh. If a selected file is no longer in landing, the run fails"
    " before it changes anything.",
    executor_def=dg.in_process_executor,
    config={"ops": {"ingest": {"config": {"again": Again().model_dump()}}}},
)


def is_up_to_date(settings: Settings) -> bool:
    """Return whether the release was built from the current landing, seeds and code.

    Also true if such a release was rolled back: a run would publish the same again. False while an erasure
    requires the removal of older releases, if the report for the set period is missing, or if published files
    are damaged.

    Raises `SettingsError` for an invalid seed or a landing that cannot be listed.
    """
    if has_changes(settings) or outdated_releases(settings):
        return False
    release = current_release(settings)
    return (
        release is not None
        and fingerprint(settings) in (release.fingerprint, release.withdrawn)
        and has_reports(settings, release)
        and is_intact(settings, release)
    )
