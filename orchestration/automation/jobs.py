"""The jobs, and whether a run is needed."""

from collections.abc import Iterator

import dagster as dg

from orchestration.ingest.pipeline import changes
from orchestration.ingest.raw_store.replay import ReplaySelection
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
    config={"ops": {"ingest": {"config": {"replay_selection": ReplaySelection().model_dump()}}}},
)


def is_up_to_date(settings: Settings) -> bool:
    """Return whether the release was built from the current landing, seeds and code.

    Raises `SettingsError` for an invalid seed or an unreachable landing.
    """
    return next(reasons_to_run(settings), None) is None


def reasons_to_run(settings: Settings) -> Iterator[str]:
    """Yield the reasons for a run as sentences, none if the release is up to date.

    There is no reason either if the release of the current inputs was rolled back: a run would publish the
    same release again. Raises `SettingsError` for an invalid seed or an unreachable landing.
    """
    yield from changes(settings)
    if outdated_releases(settings):
        yield "releases from before an erasure are to be removed"
    release = current_release(settings)
    if release is None:
        yield "no release is published, or it cannot be read"
        return
    if fingerprint(settings) not in (release.fingerprint, release.withdrawn):
        yield "ingested files, seeds, models, settings or code are not those of the release"
    if not has_reports(settings, release):
        yield f"the report ({settings.report_period}) is missing"
    if not is_intact(settings, release):
        yield "files of the release are missing or damaged"
