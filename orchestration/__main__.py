"""The command line: `python -m orchestration run` does the same as the job `refresh` in Dagster's UI.

Belongs here: its arguments. Does not: what the commands do (see `commands`).
"""

import argparse
import os
import sys
import traceback

from orchestration import commands
from orchestration.automation.notifications import NOT_RUN, RUN_FAILED, send, send_despite_settings
from orchestration.common.disk import full_disk
from orchestration.ingest.raw_store.replay import Again
from orchestration.settings import Settings, SettingsError, load_settings


def main(arguments: list[str]) -> int:
    """Run the command named by the arguments; return the exit code, 0 only if a release is in place."""
    command = _parse(arguments)
    try:
        settings = load_settings()
    except SettingsError as error:
        message = f"A setting is invalid:\n{error}"
        print(message, file=sys.stderr)
        send_despite_settings(NOT_RUN, message)
        return 2
    try:
        return _execute(settings, command)
    except KeyboardInterrupt:
        print("\nInterrupted. The release stays; the next run does what was left undone.", file=sys.stderr)
        return 130
    except Exception as error:
        message = full_disk(settings, error)
        if message is None:
            traceback.print_exc()
        else:
            print(message, file=sys.stderr)
        send(settings, RUN_FAILED, message or f"{type(error).__name__}: {error}")
        return 1


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m orchestration")
    subparsers = parser.add_subparsers(dest="command", required=True)
    run = subparsers.add_parser("run", help="everything, from landing to the published release")
    run.add_argument("--full-refresh", action="store_true", help="read all of landing again")
    run.add_argument("--force", action="store_true", help="even if landing no longer holds all")
    replay = subparsers.add_parser("replay", help="read ingested files again, and publish")
    for name, field in Again.model_fields.items():
        kind = {list[str]: {"nargs": "+"}, bool: {"action": "store_true"}}.get(field.annotation, {})
        replay.add_argument(
            f"--{name.replace('_', '-')}", default=field.default, help=field.description, **kind
        )
    rebuild = subparsers.add_parser("rebuild", help="rebuild a mart and what depends on it, and publish")
    rebuild.add_argument("mart", help="its name, such as agg_by_agent")
    rollback = subparsers.add_parser("rollback", help="put an older release back in place")
    rollback.add_argument("release", nargs="?", help="its id; else the last before the current one")
    subparsers.add_parser("clean", help="remove all that was made from landing")
    command = parser.parse_args(arguments)
    if command.command == "run" and command.force and not command.full_refresh:
        run.error("--force goes with --full-refresh")
    return command


def _execute(settings: Settings, command: argparse.Namespace) -> int:
    match command.command:
        case "rollback":
            return commands.go_back(settings, command.release)
        case "replay":
            again = Again(**{name: getattr(command, name) for name in Again.model_fields})
            return commands.replay(settings, again)
        case "rebuild":
            return commands.rebuild(settings, command.mart)
        case "clean":
            return commands.clean(settings)
        case _ if command.full_refresh:
            return commands.full_refresh(settings, command.force)
        case _:
            return commands.run(settings)


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # All is closed and on disk. An orderly end takes longer, and DuckDB ends it with pages on what other
    # libraries still hold of it.
    os._exit(code)
