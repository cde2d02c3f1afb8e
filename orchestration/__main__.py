"""The command line: `python -m orchestration run`, which does what the Dagster UI's `refresh` job does.

With `--full-refresh` all is read from landing again, as if for the first time; with `--force` even where
landing no longer holds all that was loaded.

Belongs here: starting a run and telling how it went. Does not: any stage's work.
"""

import os
import shutil
import sys

import dagster as dg

from orchestration.automation import is_up_to_date
from orchestration.definitions import build_definitions
from orchestration.ingest.run import gone_from_landing, set_raw_aside
from orchestration.publish.release import current_release
from orchestration.settings import PROJECT, Settings, SettingsError, load_settings
from orchestration.terminal import EXAMPLES, print_summary

SAMPLES = PROJECT / "samples" / "landing"


def main(arguments: list[str]) -> int:
    """Run the command named by the arguments; return the exit code, 0 only if a release is in place."""
    options = arguments[1:]
    if arguments[:1] != ["run"] or options not in ([], ["--full-refresh"], ["--full-refresh", "--force"]):
        print("usage: python -m orchestration run [--full-refresh [--force]]", file=sys.stderr)
        return 2
    try:
        settings = load_settings()
    except SettingsError as error:
        print(f"A setting makes no sense:\n{error}", file=sys.stderr)
        return 2
    return full_refresh(settings, "--force" in options) if options else run(settings)


def full_refresh(settings: Settings, force: bool = False) -> int:
    """Build everything anew from landing; readers keep the release in place until the new one replaces it.

    Where that would lose what landing no longer holds, nothing is done unless forced. Return the exit code.
    """
    try:
        gone = gone_from_landing(settings)
    except SettingsError as error:
        print(f"A seed makes no sense:\n{error}", file=sys.stderr)
        return 2
    if gone and not force:
        print(f"Landing no longer holds {len(gone):,} files that were loaded:", file=sys.stderr)
        print("\n".join(f"  {name}" for name in gone[:EXAMPLES]), file=sys.stderr)
        print("What only they held would be lost. Put them back, or lose it: FORCE=1", file=sys.stderr)
        return 1
    set_raw_aside(settings)
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
    if settings.raw_path.exists() or settings.set_aside_path.exists():
        return
    if landing.exists() and any(path.is_file() for path in landing.rglob("*")):
        return
    try:
        shutil.copytree(SAMPLES, landing, dirs_exist_ok=True)
    except OSError:
        print(f"Landing is empty, and the sample exports cannot be put there: {landing} may not be written")
        return
    print(f"Landing was empty: the sample exports (account demo) were put into {landing}")


def refresh(settings: Settings, assets: list[dg.AssetKey] | None = None) -> dg.ExecuteInProcessResult:
    """Run the `refresh` job, or these assets of it, in this process, on the repository's Dagster instance."""
    os.environ.update(settings.environment() | {"DAGSTER_HOME": str(PROJECT)})
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
