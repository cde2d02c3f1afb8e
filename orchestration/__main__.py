"""The command line: `python -m orchestration run` does the same as the job `refresh` in Dagster's UI.

Belongs here: arguments. Does not: the commands (see `commands`). Slow imports are in the commands, so that
the first line appears at once.
"""

import json
import os
import sys
import traceback
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration import __version__
from orchestration.run_output import RunOutput, print_result, run_output

if TYPE_CHECKING:
    from orchestration.settings import Settings

LISTS = ("--accounts", "--entities", "--files", "--batches")

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="From exports in landing to a published release. Commands wait until a run in progress ends.",
)
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="also print the log of the steps and the output of dbt")
]
AsJson = Annotated[
    bool, typer.Option("--json", help="print one JSON object; progress lines go to the standard error")
]
Names = Annotated[list[str] | None, typer.Option(metavar="NAME …")]


def main(arguments: list[str]) -> int:
    """Run the command named by the arguments; return the exit code, 0 only if a release is in place."""
    try:
        app(_repeated(arguments), prog_name="python -m orchestration")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    return 0


def _repeated(arguments: Iterable[str]) -> list[str]:
    """Return `--accounts a b` as `--accounts a --accounts b`."""
    repeated: list[str] = []
    option = None
    for argument in arguments:
        if argument.startswith("-"):
            option = argument if argument in LISTS else None
        elif option and repeated[-1] != option:
            repeated.append(option)
        repeated.append(argument)
    return repeated


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"conversation-reports {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="print the version")
    ] = False,
) -> None:
    pass


@app.command()
def run(
    full_refresh: Annotated[bool, typer.Option("--full-refresh", help="read all of landing again")] = False,
    force: Annotated[bool, typer.Option("--force", help="also if files are missing in landing")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="print what the run would do, and do nothing")
    ] = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Run the pipeline, from landing to the published release."""
    if force and not full_refresh:
        raise typer.BadParameter("use it with --full-refresh", param_hint="--force")

    def command(settings: "Settings") -> int:
        from orchestration import commands

        return commands.full_refresh(settings, force) if full_refresh else commands.run(settings)

    if dry_run:
        _show_status(as_json, full_refresh)
    _execute(command, verbose, as_json)


@app.command()
def status(as_json: AsJson = False) -> None:
    """Print the release, the freshness of each account, and what the next run would do."""
    _show_status(as_json)


@app.command()
def replay(
    accounts: Names = None,
    entities: Names = None,
    files: Names = None,
    batches: Names = None,
    from_day: Annotated[str, typer.Option(metavar="YYYY-MM-DD")] = "",
    to_day: Annotated[str, typer.Option(metavar="YYYY-MM-DD")] = "",
    everything: Annotated[bool, typer.Option("--everything")] = False,
    force: Annotated[bool, typer.Option("--force")] = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Ingest files again and publish.

    Selects the files that match all options: accounts of accounts.csv, entities such as messages, paths in
    landing (with wildcards * and ?), batches, and local days of their records. With --everything, selects all
    files. With --force, files that are missing in landing keep their current records.
    """
    options = {
        "accounts": accounts or [],
        "entities": entities or [],
        "files": files or [],
        "batches": batches or [],
        "from_day": from_day,
        "to_day": to_day,
        "everything": everything,
        "force": force,
    }

    def command(settings: "Settings") -> int:
        from orchestration import commands
        from orchestration.ingest.raw_store.replay import ReplaySelection

        return commands.replay(settings, ReplaySelection(**options))

    _execute(command, verbose, as_json)


@app.command()
def rebuild(
    mart: Annotated[str, typer.Argument(help="name of the mart, such as agg_by_agent")],
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Rebuild a mart and the tables that depend on it, and publish."""

    def command(settings: "Settings") -> int:
        from orchestration import commands

        return commands.rebuild(settings, mart)

    _execute(command, verbose, as_json)


@app.command()
def rollback(
    release: Annotated[
        str | None, typer.Argument(help="id of the release; default: the one before the current release")
    ] = None,
) -> None:
    """Restore an earlier release."""

    def command(settings: "Settings") -> int:
        from orchestration import commands

        return commands.go_back(settings, release)

    _execute(command)


@app.command()
def clean() -> None:
    """Remove all files derived from landing."""

    def command(settings: "Settings") -> int:
        from orchestration import commands

        return commands.clean(settings)

    _execute(command)


def _show_status(as_json: bool, full_refresh: bool = False) -> None:
    """Print the status and exit."""

    def command(settings: "Settings") -> int:
        from orchestration.status import print_status

        return print_status(settings, as_json, full_refresh)

    with run_output(as_json=True) as output:  # progress lines go to the standard error
        code = _code(command, output)
    raise typer.Exit(code)


def _execute(command: Callable[["Settings"], int], verbose: bool = False, as_json: bool = False) -> None:
    """Run the command with the settings, print the summary as JSON if `as_json` is set, and exit."""
    with run_output(verbose, as_json) as output:
        if as_json:
            with redirect_stdout(sys.stderr):
                code = _code(command, output)
        else:
            code = _code(command, output)
    if as_json:
        from orchestration.outcome import outcome

        print_result(json.dumps(outcome(output, code), indent=2, default=str))
    raise typer.Exit(code)


def _code(command: Callable[["Settings"], int], output: RunOutput) -> int:
    output.begin("start")
    output.detail("reading settings and project")
    from orchestration.settings import SettingsError, load_settings

    try:
        settings = output.settings = load_settings()
    except SettingsError as error:
        from orchestration.automation.notifications import NOT_RUN, send_despite_settings

        output.error = f"A setting is invalid:\n{error}"
        print(output.error, file=sys.stderr)
        send_despite_settings(NOT_RUN, output.error)
        return 2
    try:
        return command(settings)
    except KeyboardInterrupt:
        output.error = "Interrupted. The release is unchanged; the next run completes the work."
        print(f"\n{output.error}", file=sys.stderr)
        return 130
    except Exception as error:
        from orchestration.automation.notifications import RUN_FAILED, send
        from orchestration.common.disk import full_disk

        message = full_disk(settings, error)
        if message is None:
            traceback.print_exc()
        else:
            print(message, file=sys.stderr)
        output.error = message or f"{type(error).__name__}: {error}"
        send(settings, RUN_FAILED, output.error)
        return 1


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # All files are closed. A normal exit is slower and prints warnings about DuckDB objects that other
    # libraries still refer to.
    os._exit(code)
