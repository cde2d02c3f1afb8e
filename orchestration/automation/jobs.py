"""The jobs, and whether there is anything to run them for."""

import dagster as dg

from orchestration.ingest.pipeline import has_changes
from orchestration.ingest.raw_store.replay import Again
from orchestration.publish.page.report import has_reports
from orchestration.publish.release import current_release, is_intact
from orchestration.publish.store import outdated_releases
from orchestration.settings import Settings
from orchestration.warehouse.inputs import fingerprint

# Fetching from an API has a job of its own: a refresh reads what is in landing.
EVERYTHING = dg.AssetSelection.all() - dg.AssetSelection.groups("landing")

REFRESH = dg.define_asset_job(
    "refresh",
    selection=EVERYTHING,
    description="Everything, from the exports in landing to the release. Safe to run again at any time.",
    executor_def=dg.in_process_executor,
)

REPLAY = dg.define_asset_job(
    "replay",
    selection=EVERYTHING,
    description="Reads files again that were taken in before, then builds and publishes all anew. The"
    " launchpad says which files; `everything: true` makes it a full refresh. What landing no longer holds is"
    " refused by name, before anything is touched.",
    executor_def=dg.in_process_executor,
    config={"ops": {"ingest": {"config": {"again": Again().model_dump()}}}},
)


def is_up_to_date(settings: Settings) -> bool:
    """Return whether the release was made from all that is there now: landing, seeds and code.

    So it is too where the release made from all that was rolled back: the same would be made again. Not so
    while older releases wait to be removed because of an erasure, nor without the report of the period set,
    nor where what was published is damaged.

    Raises `SettingsError` for an invalid seed, or a landing that does not answer.
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
