"""The command line of fetching: `python -m orchestration.fetch [ACCOUNT …]`.

Belongs here: arguments and printing. Does not: any request. It does not hold the lock of the home: it only
adds files to landing, for the next run.
"""

import argparse
import sys

from orchestration.automation.notifications import FETCH_FAILED, send, send_despite_settings
from orchestration.fetch.accounts import FetchResult, fetch_account
from orchestration.fetch.client import FetchError
from orchestration.fetch.connections import connected_accounts
from orchestration.settings import SettingsError, load_settings


def main(arguments: list[str]) -> int:
    """Fetch the given accounts, or all connected ones. Return 0 only if all of them are complete."""
    parser = argparse.ArgumentParser(prog="python -m orchestration.fetch")
    parser.add_argument("accounts", nargs="*", metavar="ACCOUNT", help="ids; default: all that have a url")
    chosen = parser.parse_args(arguments).accounts
    try:
        settings = load_settings()
        accounts = connected_accounts(settings, chosen)
    except SettingsError as error:
        message = f"Nothing can be fetched:\n{error}"
        print(message, file=sys.stderr)
        send_despite_settings(FETCH_FAILED, message)
        return 2
    if not accounts:
        print(
            f"No account has a url in {settings.connections_path}; see docs/getting-exports.md",
            file=sys.stderr,
        )
        return 2
    failures = []
    for account in accounts:
        try:
            print_result(fetch_account(settings, account, lambda text: print(text, flush=True)))
        except (FetchError, SettingsError) as error:
            failures.append(str(error))
            print(f"FAILED: {error}", file=sys.stderr)
    if failures:
        send(settings, FETCH_FAILED, "\n".join(failures))
    return int(bool(failures))


def print_result(fetched: FetchResult) -> None:
    """Print the result of a fetch."""
    if not fetched.files:
        print(f"{fetched.account_id}: no changes since the last fetch")
    for entity, count in sorted(fetched.records.items()):
        print(f"{fetched.account_id}: {count:,} {entity}")
    for name in fetched.files:
        print(f"  landing/{name}")
    for note in fetched.notes:
        print(f"{fetched.account_id}: {note}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
