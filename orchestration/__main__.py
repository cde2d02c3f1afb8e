"""The command line: `python -m orchestration run`, which does what the Dagster UI's `refresh` job does.

Belongs here: starting a run and telling how it went. Does not: any stage's work.
"""

import os
import shutil
import sys

import dagster as dg

from orchestration.automation import is_up_to_date
from orchestration.definitions import build_definitions
from orchestration.publish.release import current_release
from orchestration.settings import PROJECT, Settings, SettingsError, load_settings
from orchestration.terminal import print_summary

SAMPLES = PROJECT / "samples" / "landing"


def main(arguments: list[str]) -> int:
    """Run the command named by the arguments; return the exit code, 0 only if a release is in place."""
    if arguments != ["run"]:
        print("usage: python -m orchestration run", file=sys.stderr)
        return 2
    try:
        settings = load_settings()
    except SettingsError as error:
        print(f"A setting makes no sense:\n{error}", file=sys.stderr)
        return 2
    return run(settings)


def run(settings: Settings) -> int:
    """Materialize everything if anything is new, print the summary and return the exit code."""
    ship_samples(settings)
    try:
        result = None if is_up_to_date(settings) else refresh(settings)
    except SettingsError as error:
        print(f"A seed makes no sense:\n{error}", file=sys.stderr)
        return 2
    print_summary(settings, result)
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
    os.environ.update(settings.environment())
    os.environ.setdefault("DAGSTER_HOME", str(PROJECT))
    settings.dagster_path.mkdir(parents=True, exist_ok=True)
    with dg.DagsterInstance.get() as instance:
        job = build_definitions(settings).resolve_job_def("refresh")
        return job.execute_in_process(
            instance=instance,
            asset_selection=assets,
            raise_on_error=False,
            run_config={"loggers": {"progress": {}}},
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
