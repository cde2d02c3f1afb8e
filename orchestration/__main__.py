"""The command line: `python -m orchestration run`, which does what the Dagster UI's `refresh` job does.

Belongs here: starting a run, a full refresh, a replay, a rebuild or a rollback, and telling how it went. Does
not: any stage's work.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from orchestration.automation.jobs import BY_HAND, REFRESH, REPLAY, is_up_to_date
from orchestration.automation.notifications import failure, send
from orchestration.automation.run_retention import prune_runs
from orchestration.common.disk import full_disk
from orchestration.common.locks import exclusive
from orchestration.definitions import build_definitions
from orchestration.ingest.pipeline import set_raw_aside
from orchestration.ingest.raw_store.ledger import RawStoreError
from orchestration.ingest.raw_store.replay import Again, ReplayError
from orchestration.ingest.selection import check_replay, gone_from_landing
from orchestration.publish.page.report import write_reports
from orchestration.publish.release import PublishError, current_release
from orchestration.publish.store import rollback
from orchestration.publish.tables import TABLES
from orchestration.settings import PROJECT, Settings, SettingsError, load_settings
from orchestration.summary import EXAMPLES, print_summary

SAMPLES = PROJECT / "samples" / "landing"


def main(arguments: list[str]) -> int:
    """Run the command named by the arguments; return the exit code, 0 only if a release is in place."""
    parser = argparse.ArgumentParser(prog="python -m orchestration")
    commands = parser.add_subparsers(dest="command", required=True)
    forth = commands.add_parser("run", help="everything, from landing to the published release")
    forth.add_argument("--full-refresh", action="store_true", help="read all of landing again")
    forth.add_argument("--force", action="store_true", help="even if landing no longer holds all")
    anew = commands.add_parser("replay", help="read files again that were taken in before, and publish")
    for name, field in Again.model_fields.items():
        kind = {list[str]: {"nargs": "+"}, bool: {"action": "store_true"}}.get(field.annotation, {})
        anew.add_argument(
            f"--{name.replace('_', '-')}", default=field.default, help=field.description, **kind
        )
    one = commands.add_parser("rebuild", help="make one mart anew with all that follows from it, and publish")
    one.add_argument("mart", help="its name, such as agg_by_agent")
    back = commands.add_parser("rollback", help="put an older release back in place")
    back.add_argument("release", nargs="?", help="its id; else the last before the current one")
    command = parser.parse_args(arguments)
    if command.command == "run" and command.force and not command.full_refresh:
        forth.error("--force goes with --full-refresh")
    try:
        settings = load_settings()
    except SettingsError as error:
        print(f"A setting makes no sense:\n{error}", file=sys.stderr)
        return 2
    try:
        if command.command == "rollback":
            return go_back(settings, command.release)
        if command.command == "replay":
            return replay(settings, Again(**{name: getattr(command, name) for name in Again.model_fields}))
        if command.command == "rebuild":
            return rebuild(settings, command.mart)
        return full_refresh(settings, command.force) if command.full_refresh else run(settings)
    except Exception as error:
        told = full_disk(settings, error)
        if told is None:
            raise
        print(told, file=sys.stderr)
        send(settings, "Conversation reports: a run failed", told)
        return 1


def go_back(settings: Settings, release_id: str | None) -> int:
    """Put an older release back in place, tell Dagster so, print what stands now; return the exit code."""
    try:
        release = rollback(settings, release_id)
    except PublishError as error:
        print(error, file=sys.stderr)
        return 1
    write_reports(settings)
    with _instance(settings) as instance:
        for table in release.rows:
            metadata = {"release": release.release_id, "data_through": release.data_through or "no messages"}
            instance.report_runless_asset_event(
                dg.AssetObservation(["published", table], "Rolled back to this release.", metadata=metadata)
            )
    print(f"Release {release.release_id} is in place again, with data through {release.data_through}.")
    if release.withdrawn:
        print("Runs are skipped until something new arrives in landing, seeds or code.")
    return 0


def full_refresh(settings: Settings, force: bool = False) -> int:
    """Build everything anew from landing; readers keep the release in place until the new one replaces it.

    Where that would lose what landing no longer holds, nothing is done unless forced. Return the exit code.
    """
    try:
        gone = gone_from_landing(settings)
    except SettingsError as error:
        print(f"Nothing can be run:\n{error}", file=sys.stderr)
        return 2
    except RawStoreError as error:
        if not force:
            print(error, file=sys.stderr)
            return 1
        gone = []
    if gone and not force:
        print(f"Landing no longer holds {len(gone):,} files that were loaded:", file=sys.stderr)
        print("\n".join(f"  {name}" for name in gone[:EXAMPLES]), file=sys.stderr)
        print("What only they held would be lost. Put them back, or lose it: FORCE=1", file=sys.stderr)
        return 1
    set_raw_aside(settings)
    return run(settings)


def replay(settings: Settings, again: Again) -> int:
    """Read the chosen files again, build and publish; where that is refused, say so and touch nothing."""
    try:
        check_replay(settings, again)
    except SettingsError as error:
        print(f"Nothing can be run:\n{error}", file=sys.stderr)
        return 2
    except (ReplayError, RawStoreError) as error:
        print(error, file=sys.stderr)
        return 1
    return run(settings, again=again)


def rebuild(settings: Settings, mart: str) -> int:
    """Make one mart anew, what is made of it, their checks and a release; return the exit code."""
    if mart not in TABLES:
        print(f"{mart} is no mart; write one of {', '.join(TABLES)}", file=sys.stderr)
        return 2
    if not settings.warehouse_path.exists():
        print(
            "There is no candidate of which a mart could be made: make run builds all of it.", file=sys.stderr
        )
        return 1
    selection = dg.AssetSelection.assets(["marts", mart]).downstream().required_multi_asset_neighbors()
    graph = build_definitions(settings).resolve_asset_graph()
    return run(settings, assets=sorted(selection.resolve(graph)))


def run(settings: Settings, assets: list[dg.AssetKey] | None = None, again: Again | None = None) -> int:
    """Materialize what was asked for, or everything if anything is new; return the exit code."""
    settings.ensure_home()
    ship_samples(settings)
    try:
        with _alone(settings):
            idle = not (assets or again) and is_up_to_date(settings)
            result = None if idle else refresh(settings, assets, again)
    except SettingsError as error:
        print(f"Nothing can be run:\n{error}", file=sys.stderr)
        return 2
    except RawStoreError as error:
        print(error, file=sys.stderr)
        send(settings, "Conversation reports: nothing can be run", str(error))
        return 1
    print_summary(settings, result)
    if result and not result.success:
        send(settings, *failure(settings, result.all_events))
    succeeded = current_release(settings) is not None and (result is None or result.success)
    if settings.set_aside_path.exists():
        if succeeded:
            shutil.rmtree(settings.set_aside_path)
        else:
            print(f"What was ingested before the full refresh lies in {settings.set_aside_path}")
    return 0 if succeeded else 1


def ship_samples(settings: Settings) -> None:
    """Put the shipped sample exports into a landing folder that never held any, and say so."""
    landing = settings.landing_path
    if settings.landing_url or settings.raw_path.exists() or settings.set_aside_path.exists():
        return
    if landing.exists() and any(path.is_file() for path in landing.rglob("*")):
        return
    try:
        shutil.copytree(SAMPLES, landing, dirs_exist_ok=True)
    except OSError:
        print(f"Landing is empty, and the sample exports cannot be put there: {landing} may not be written")
        return
    print(f"Landing was empty: the sample exports (account demo) were put into {landing}")


def refresh(
    settings: Settings, assets: list[dg.AssetKey] | None = None, again: Again | None = None
) -> dg.ExecuteInProcessResult:
    """Run the job `refresh`, these assets of it, or the job `replay`, in this process, on the instance."""
    chosen = {"ops": {"ingest": {"config": {"again": again.model_dump()}}}} if again else {}
    with _instance(settings) as instance:
        _bury_the_dead(instance)
        prune_runs(settings, instance)
        job = build_definitions(settings).resolve_job_def(REPLAY.name if again else REFRESH.name)
        return job.execute_in_process(
            instance=instance,
            asset_selection=assets,
            raise_on_error=False,
            run_config={"loggers": {"progress": {}}} | chosen,
            tags={BY_HAND: "true"},
        )


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Let one run from the command line go on at a time; another waits, and then finds nothing new."""
    with exclusive(
        settings.lock_path, lambda: print("Another run is under way; waiting for it …", flush=True)
    ):
        yield


def _bury_the_dead(instance: dg.DagsterInstance) -> None:
    """Mark runs by hand that were killed as failed, and free the places that they still hold in the pool.

    Whoever calls this holds the lock of such runs, so none of them can be alive.
    """
    statuses = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
    for dead in instance.get_runs(dg.RunsFilter(tags={BY_HAND: "true"}, statuses=statuses)):
        instance.report_run_failed(dead, "Its process was killed; the next run does its work.")
        instance.event_log_storage.free_concurrency_slots_for_run(dead.run_id)


def _instance(settings: Settings) -> dg.DagsterInstance:
    """Return the instance of `DAGSTER_HOME`, by default the repository's."""
    os.environ.update(settings.environment())
    os.environ.setdefault("DAGSTER_HOME", str(PROJECT))
    settings.dagster_path.mkdir(parents=True, exist_ok=True)
    return dg.DagsterInstance.get()


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # All is closed and on disk. An orderly end takes longer, and DuckDB ends it with pages on what other
    # libraries still hold of it.
    os._exit(code)
