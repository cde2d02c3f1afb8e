"""The status of the home: the release, the freshness of each account, and what the next run would do.

Belongs here: collecting and printing the status. Does not: the verdict on freshness (`publish.freshness`),
nor the reasons to run (`automation.jobs`).
"""

import json
import sys
from datetime import datetime
from typing import Any

from orchestration.automation.jobs import reasons_to_run
from orchestration.common.sql import printable
from orchestration.common.words import counted
from orchestration.ingest.raw_store.ledger import RawStoreError
from orchestration.ingest.selection import gone_from_landing
from orchestration.publish.freshness import AccountFreshness, check_freshness
from orchestration.run_output import print_result
from orchestration.settings import Settings, SettingsError
from orchestration.warehouse.candidate import completed_build
from orchestration.warehouse.inputs import current_inputs


def print_status(settings: Settings, as_json: bool = False, full_refresh: bool = False) -> int:
    """Print the status as text or as a JSON object. Return the exit code, not 0 if no run can start."""
    try:
        state = read_status(settings, full_refresh)
    except (SettingsError, RawStoreError) as error:
        if as_json:
            print_result(json.dumps({"error": str(error)}, indent=2))
        else:
            print(f"Nothing can be run:\n{error}", file=sys.stderr)
        return 2 if isinstance(error, SettingsError) else 1
    if as_json:
        print_result(json.dumps(state, indent=2, default=str))
    else:
        print_result("\n".join(map(printable, _lines(state))))
    return 0


def read_status(settings: Settings, full_refresh: bool = False) -> dict[str, Any]:
    """Return the status as plain data.

    - `release`: its id, the time of publication and the time of the latest message; null without a release
    - `freshness`: the verdict on the release (fresh, late, stale) and its reasons
    - `accounts`: verdict, time zone, and both times in that zone, of each account
    - `next_run`: whether a run would change anything (`is_needed`), the `reasons`, and the `build` (`full`,
      `incremental`, or null)

    Raises `SettingsError` for an invalid seed or an unreachable landing, and `RawStoreError` for a damaged
    file in raw/.
    """
    freshness = check_freshness(settings)
    release = freshness.release
    reasons = list(reasons_to_run(settings))
    if full_refresh:
        gone = gone_from_landing(settings)
        reasons = ["a full refresh reads all of landing again"]
        reasons += (
            [f"it needs --force: {counted(len(gone), 'ingested file')} missing in landing"] if gone else []
        )
    last, inputs = completed_build(settings), current_inputs(settings)
    is_increment = bool(last) and not full_refresh and inputs.only_add_to(last.rules, last.batches)
    return {
        "home": str(settings.home),
        "release": release
        and {name: getattr(release, name) for name in ("release_id", "published_at", "data_through")},
        "freshness": {"verdict": freshness.verdict, "reasons": freshness.reasons()},
        "accounts": [_account(account) for account in freshness.accounts],
        "next_run": {
            "is_needed": bool(reasons),
            "reasons": reasons,
            "build": ("incremental" if is_increment else "full") if reasons else None,
        },
    }


def _account(account: AccountFreshness) -> dict[str, Any]:
    return {
        "account_id": account.account_id,
        "verdict": account.verdict,
        "time_zone": account.time_zone,
        "published_at": account.published_at.isoformat(),
        "data_through": account.data_through and account.data_through.isoformat(),
    }


def _lines(state: dict[str, Any]) -> list[str]:
    release, run = state["release"], state["next_run"]
    lines = [f"Release   {release['release_id'] if release else 'none'}", f"Home      {state['home']}"]
    width = max((len(account["account_id"]) for account in state["accounts"]), default=0)
    for number, account in enumerate(state["accounts"]):
        end = account["data_through"]
        through = f"{datetime.fromisoformat(end):%Y-%m-%d %H:%M}" if end else "no messages"
        lines.append(
            f"{'Accounts' if number == 0 else '':10}{account['account_id']:{width}}  {account['verdict']:5}"
            f"  data through {through} ({account['time_zone']})"
        )
    lines += [f"{'':10}{reason}" for reason in state["freshness"]["reasons"]]
    if not run["is_needed"]:
        return [*lines, "Next run  does nothing: landing, seeds, settings and code are those of the release"]
    does = "ingests, builds all tables" if run["build"] == "full" else "ingests, builds what changed"
    lines.append(f"Next run  {does}, checks and publishes, because")
    return [*lines, *(f"{'':10}- {reason}" for reason in run["reasons"])]
