"""The command line: `python -m orchestration run`, which does what the Dagster UI's `refresh` job does.

Belongs here: starting a run or a rollback and telling how it went. Does not: any stage's work.
"""

import argparse
import os
import shutil
import sys

import dagster as dg

from orchestration.alerts import failure, send
from orchestration.automation import BY_HAND, is_up_to_date
from orchestration.definitions import build_definitions
from orchestration.publish.release import TABLES, PublishError, current_release, rollback
from orchestration.settings import PROJECT, Settings, SettingsError, load_settings
from orchestration.terminal import print_summary

SAMPLES = PROJECT / "samples" / "landing"


def main(arguments: list[str]) -> int:
    """Run the command named by the arguments; return the exit code, 0 only if a release is in place."""
    parser = argparse.ArgumentParser(prog="python -m orchestration")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="everything, from landing to the published release")
    back = commands.add_parser("rollback", help="put an older release back in place")
    back.add_argument("release", nargs="?", help="its id; else the last before the current one")
    command = parser.parse_args(arguments)
    try:
        settings = load_settings()
    except SettingsError as error:
        print(f"A setting makes no sense:\n{error}", file=sys.stderr)
        return 2
    return run(settings) if command.command == "run" else go_back(settings, command.release)


def go_back(settings: Settings, release_id: str | None) -> int:
    """Put an older release back in place, tell Dagster so, print what stands now; return the exit code."""
    try:
        release = rollback(settings, release_id)
    except PublishError as error:
        print(error, file=sys.stderr)
        return 1
    with _instance(settings) as instance:
        for table in TABLES:
            metadata = {"release": release.release_id, "data_through": release.data_through or "no messages"}
            instance.report_runless_asset_event(
                dg.AssetObservation(["published", table], "Rolled back to this release.", metadata=metadata)
            )
    print(f"Release {release.release_id} is in place again, with data through {release.data_through}.")
    if release.withdrawn:
        print("Runs are skipped until something new arrives in landing, seeds or code.")
    return 0


def run(settings: Settings) -> int:
    """Materialize everything if anything is new, print the summary and return the exit code."""
    ship_samples(settings)
    try:
        result = None if is_up_to_date(settings) else refresh(settings)
    except SettingsError as error:
        print(f"A seed makes no sense:\n{error}", file=sys.stderr)
        return 2
    print_summary(settings, result)
    if result and not result.success:
        send(settings, *failure(settings, result.all_events))
    return 0 if current_release(settings) and (result is None or result.success) else 1


def ship_samples(settings: Settings) -> None:
    """Put the shipped sample exports into an empty landing folder, and say so."""
    landing = settings.landing_path
    if landing.exists() and any(path.is_file() for path in landing.rglob("*")):
        return
    shutil.copytree(SAMPLES, landing, dirs_exist_ok=True)
    print(f"Landing was empty: the sample exports (account demo) were put into {landing}")


def refresh(settings: Settings, assets: list[dg.AssetKey] | None = None) -> dg.ExecuteInProcessResult:
    """Run the `refresh` job, or these assets of it, in this process, on the instance of `DAGSTER_HOME`."""
    with _instance(settings) as instance:
        job = build_definitions(settings).resolve_job_def("refresh")
        return job.execute_in_process(
            instance=instance,
            asset_selection=assets,
            raise_on_error=False,
            run_config={"loggers": {"progress": {}}},
            tags={BY_HAND: "true"},
        )


def _instance(settings: Settings) -> dg.DagsterInstance:
    """Return the instance of `DAGSTER_HOME`, by default the repository's."""
    os.environ.update(settings.environment())
    os.environ.setdefault("DAGSTER_HOME", str(PROJECT))
    settings.dagster_path.mkdir(parents=True, exist_ok=True)
    return dg.DagsterInstance.get()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
