"""The command line: `python -m orchestration run` does the same as the job `refresh` in Dagster's UI.

Belongs here: its arguments. Does not: what the commands do (see `commands`). What takes long to import is
imported by the command, so that the first line appears at once.
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
from orchestration.run_output import RunOutput, run_output

if TYPE_CHECKING:
    from orchestration.settings import Settings

LISTS = ("--accounts", "--entities", "--files", "--batches")

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="From the exports in landing to the published release. Commands wait for a run in progress.",
)
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="also print the lines of the steps and of dbt")
]
AsJson = Annotated[
    bool, typer.Option("--json", help="print one JSON object, and all else to the standard error")
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
    force: Annotated[bool, typer.Option("--force", help="even if landing no longer holds all")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="print what it would do, and do nothing")
    ] = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Do everything, from landing to the published release."""
    if force and not full_refresh:
        raise typer.BadParameter("it goes with --full-refresh", param_hint="--force")

    def command(settings: "Settings") -> int:
        from orchestration import commands

        return commands.full_refresh(settings, force) if full_refresh else commands.run(settings)

    if dry_run:
        _show_status(as_json, full_refresh)
    _execute(command, verbose, as_json)


@app.command()
def status(as_json: AsJson = False) -> None:
    """Print the release, the freshness of each account, and what a run would do and why."""
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
    """Read ingested files again, and publish.

    The files are those that fit every choice: accounts of accounts.csv, entities such as messages, names of
    files under landing (* and ? allowed), batches, local days of their records, or everything. With --force
    those that landing no longer holds stay as they were read.
    """
    chosen = {
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

        return commands.replay(settings, ReplaySelection(**chosen))

    _execute(command, verbose, as_json)


@app.command()
def rebuild(
    mart: Annotated[str, typer.Argument(help="its name, such as agg_by_agent")],
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Rebuild a mart and what depends on it, and publish."""

    def command(settings: "Settings") -> int:
        from orchestration import commands

        return commands.rebuild(settings, mart)

    _execute(command, verbose, as_json)


@app.command()
def rollback(
    release: Annotated[str | None, typer.Argument(help="its id; else the last before the current")] = None,
) -> None:
    """Put an older release back in place."""

    def command(settings: "Settings") -> int:
        from orchestration import commands

        return commands.go_back(settings, release)

    _execute(command)


@app.command()
def clean() -> None:
    """Remove all that was made from landing."""

    def command(settings: "Settings") -> int:
        from orchestration import commands

        return commands.clean(settings)

    _execute(command)


def _show_status(as_json: bool, full_refresh: bool = False) -> None:
    """Print the status, and end."""

    def command(settings: "Settings") -> int:
        from orchestration.status import print_status

        return print_status(settings, as_json, full_refresh)

    with run_output(as_json=True) as output:  # progress lines go to the standard error
        code = _code(command, output)
    raise typer.Exit(code)


def _execute(command: Callable[["Settings"], int], verbose: bool = False, as_json: bool = False) -> None:
    """Run the command on the settings, print the summary in JSON if it is wanted, and end."""
    with run_output(verbose, as_json) as output:
        if as_json:
            with redirect_stdout(sys.stderr):
                code = _code(command, output)
        else:
            code = _code(command, output)
    if as_json:
        from orchestration.outcome import outcome

        print(json.dumps(outcome(output, code), indent=2, default=str))
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
        output.error = "Interrupted. The release stays; the next run does what was left undone."
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
    # All files are closed and on disk. A normal exit takes longer, and prints pages about DuckDB objects that
    # other libraries still refer to.
    os._exit(code)
