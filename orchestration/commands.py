"""The commands of the command line: run, full refresh, replay, rebuild, rollback and clean, under one lock.

Belongs here: the order of the steps of a command, its messages and its exit code. Does not: its arguments
(see `__main__`), nor the work of a stage.
"""

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import dagster as dg
import duckdb

from orchestration.automation.home_lock import BY_HAND, WAITING
from orchestration.automation.jobs import REFRESH, REPLAY, is_up_to_date
from orchestration.automation.notifications import NOT_RUN, failure, send
from orchestration.automation.run_retention import prune_runs
from orchestration.common.files import remove
from orchestration.common.locks import exclusive
from orchestration.common.words import counted
from orchestration.definitions import build_definitions
from orchestration.ingest.pipeline import set_raw_aside
from orchestration.ingest.raw_store.ledger import RawStoreError
from orchestration.ingest.raw_store.replay import ReplayError, ReplaySelection
from orchestration.ingest.selection import check_replay, gone_from_landing
from orchestration.publish.overview import report
from orchestration.publish.page.report import LINK, write_reports
from orchestration.publish.release import PublishError, current_release
from orchestration.publish.store import rollback
from orchestration.publish.tables import TABLES
from orchestration.quality.asset_checks import SPECS, quality_gate
from orchestration.run_output import RunOutput, run_output
from orchestration.settings import PROJECT, Settings, SettingsError
from orchestration.summary import EXAMPLES, SAMPLES, print_summary
from orchestration.warehouse.assets import FULL_BUILD, REBUILDABLE


def run(
    settings: Settings,
    selections: Sequence[dg.AssetSelection] = (),
    replay_selection: ReplaySelection | None = None,
    is_full_build: bool = False,
) -> int:
    """Materialize the selected assets, or all assets if there are changes. Return the exit code.

    Files of `replay_selection` are read again. A full build is done even if nothing has changed. The exit
    code is 0 only if a release is in place and nothing failed.
    """
    settings.ensure_home()
    ship_samples(settings)
    with run_output() as output:
        try:
            with run_lock(settings):
                idle = not (selections or replay_selection or is_full_build) and is_up_to_date(settings)
                result = None if idle else refresh(settings, selections, replay_selection, is_full_build)
        except SettingsError as error:
            return _reject(settings, f"Nothing can be run:\n{error}", 2)
        except RawStoreError as error:
            return _reject(settings, str(error))
        output.close()
        output.result = result
        if not output.as_json:
            print_summary(settings, result)
    succeeded = current_release(settings) is not None and (result is None or result.success)
    if not succeeded:
        send(settings, *failure(settings, result.all_events if result else ()))
    if settings.set_aside_path.exists():
        if succeeded:
            remove(settings.set_aside_path)
        else:
            print(f"The data ingested before the full refresh is kept in {settings.set_aside_path}")
    return 0 if succeeded else 1


def full_refresh(settings: Settings, force: bool = False) -> int:
    """Rebuild everything from landing. Readers keep the current release until the new one is published.

    If records would be lost because their files are missing in landing, do nothing unless `force` is set.
    Return the exit code.
    """
    with run_lock(settings):
        try:
            gone = gone_from_landing(settings)
        except SettingsError as error:
            return _reject(settings, f"Nothing can be run:\n{error}", 2)
        except RawStoreError as error:
            if not force:
                return _reject(settings, str(error))
            gone = []
        if gone and not force:
            names = "\n".join(f"  {name}" for name in gone[:EXAMPLES])
            return _reject(
                settings,
                f"{counted(len(gone), 'ingested file')} missing in landing:\n{names}\n"
                "A full refresh would lose their records. Restore them, or set FORCE=1.",
            )
        set_raw_aside(settings)
        return run(settings)


def replay(settings: Settings, replay_selection: ReplaySelection) -> int:
    """Ingest the selected files again, build and publish. An invalid selection changes nothing."""
    with run_lock(settings):
        try:
            check_replay(settings, replay_selection)
        except SettingsError as error:
            return _reject(settings, f"Nothing can be run:\n{error}", 2)
        except (ReplayError, RawStoreError) as error:
            return _reject(settings, str(error))
        return run(settings, replay_selection=replay_selection)


def rebuild(settings: Settings, mart: str) -> int:
    """Rebuild a mart and the tables that depend on it, run their checks and publish. Return the exit code.

    A mart that reads intermediate tables needs a full build of all tables, because after an incremental build
    the intermediate tables contain only the records of changed contacts.
    """
    if mart not in TABLES:
        print(f"There is no mart {mart}; choose one of {', '.join(TABLES)}", file=sys.stderr)
        return 2
    if not settings.candidate_path.exists():
        print("There is no candidate with marts to rebuild: run `make run` first.", file=sys.stderr)
        return 1
    if mart not in REBUILDABLE:
        print(f"{mart} is rebuilt by a full build of all tables.")
        return run(settings, is_full_build=True)
    published = dg.AssetSelection.key_prefixes("published")
    rebuilt = dg.AssetSelection.assets(["marts", mart]).downstream() - published
    # Two jobs, because a single one would check the other marts before the build. A release requires that
    # every check passes after the build.
    checks = dg.AssetSelection.checks(*(spec.key for spec in SPECS))
    return run(settings, [rebuilt - checks, checks | published])


def go_back(settings: Settings, release_id: str | None = None) -> int:
    """Restore an earlier release, record this in Dagster and print it. Return the exit code."""
    try:
        with run_lock(settings):
            release = rollback(settings, release_id)
            try:
                write_reports(settings)
            except duckdb.CatalogException:  # a release of another version, without the current report macros
                (settings.published_path / LINK).unlink(missing_ok=True)
                print("This release has no reports, because another version of the project published it.")
    except PublishError as error:
        print(error, file=sys.stderr)
        return 1
    with open_instance(settings) as instance:
        for table in release.rows:
            metadata = {"release": release.release_id, "data_through": release.data_through or "no messages"}
            instance.report_runless_asset_event(
                dg.AssetObservation(["published", table], "Rolled back to this release.", metadata=metadata)
            )
        report(settings, instance, [quality_gate], "")
    print(f"Release {release.release_id} is current again, with data through {release.data_through}.")
    if release.withdrawn:
        print("Runs are skipped until landing, seeds or code change.")
    return 0


def clean(settings: Settings) -> int:
    """Remove all files derived from landing, but not landing. Return the exit code."""
    if settings.home.exists():
        with run_lock(settings):
            for path in settings.derived_paths:
                remove(path)
    return 0


def refresh(
    settings: Settings,
    selections: Sequence[dg.AssetSelection] = (),
    replay_selection: ReplaySelection | None = None,
    is_full_build: bool = False,
) -> dg.ExecuteInProcessResult:
    """Run the job `refresh`, the job `replay`, or a job for each selection until one fails, in this process.

    Return the result of the last job that ran.
    """
    with run_output() as output:
        return _refresh(output, settings, selections, replay_selection, is_full_build)


def _refresh(
    output: RunOutput,
    settings: Settings,
    selections: Sequence[dg.AssetSelection],
    replay_selection: ReplaySelection | None,
    is_full_build: bool,
) -> dg.ExecuteInProcessResult:
    ingest_config = {}
    if replay_selection:
        ingest_config = {"ops": {"ingest": {"config": {"replay_selection": replay_selection.model_dump()}}}}
    with open_instance(settings) as instance:
        prune_runs(settings, instance)
        output.detail("reading the models of dbt")
        parts = [
            dg.define_asset_job(f"part_{number}", selection, executor_def=dg.in_process_executor)
            for number, selection in enumerate(selections, start=1)
        ]
        definitions = dg.Definitions.merge(build_definitions(settings), dg.Definitions(jobs=parts))
        for job in parts or [REPLAY if replay_selection else REFRESH]:
            with output.programs_captured():
                result = definitions.resolve_job_def(job.name).execute_in_process(
                    instance=instance,
                    raise_on_error=False,
                    run_config={"loggers": {"progress": {}}} | ingest_config,
                    tags={BY_HAND: "true"} | ({FULL_BUILD: "true"} if is_full_build else {}),
                )
            if not result.success:
                break
        return result


def _reject(settings: Settings, message: str, code: int = 1) -> int:
    """Print and send the reason why nothing was run. Return the exit code."""
    with run_output() as output:
        output.error = message
        output.close()
    print(message, file=sys.stderr)
    send(settings, NOT_RUN, message)
    return code


def ship_samples(settings: Settings) -> None:
    """Copy the sample exports into landing if no file was ever in it, and print a message."""
    landing = settings.landing_path
    if settings.landing_url or settings.raw_path.exists() or settings.set_aside_path.exists():
        return
    if landing.exists() and any(path.is_file() for path in landing.rglob("*")):
        return
    try:
        shutil.copytree(SAMPLES, landing, dirs_exist_ok=True)
    except OSError:
        print(f"Landing is empty, and the sample exports cannot be copied: {landing} is not writable")
        return
    print(f"Landing was empty: the sample exports (account demo) were copied to {landing}")


@contextmanager
def run_lock(settings: Settings) -> Iterator[None]:
    """Hold the lock of the home inside the `with` block. Another command waits for it."""
    with exclusive(settings.lock_path, lambda: print(WAITING, flush=True)):
        yield


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """Return the Dagster instance of `DAGSTER_HOME`, by default of the repository."""
    os.environ.update(settings.environment())
    os.environ.setdefault("DAGSTER_HOME", str(PROJECT))
    settings.dagster_path.mkdir(parents=True, exist_ok=True)
    return dg.DagsterInstance.get()
