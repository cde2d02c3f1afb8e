"""The state of the home: the release, how fresh each account is, and what a run would do.

Belongs here: putting it together and printing it. Does not: the verdict on freshness (`publish.freshness`),
nor whether there is anything to run for (`automation.jobs`).
"""

import json
import sys
from datetime import datetime
from typing import Any

from orchestration.automation.jobs import reasons_to_run
from orchestration.common.sql import printable
from orchestration.ingest.raw_store.ledger import RawStoreError
from orchestration.ingest.selection import gone_from_landing
from orchestration.publish.freshness import AccountFreshness, check_freshness
from orchestration.settings import Settings, SettingsError
from orchestration.warehouse.candidate import completed_build
from orchestration.warehouse.inputs import current_inputs


def print_status(settings: Settings, as_json: bool = False, full_refresh: bool = False) -> int:
    """Print the state, as text or as a JSON object; return the exit code, 1 where a run could not begin."""
    try:
        state = read_status(settings, full_refresh)
    except (SettingsError, RawStoreError) as error:
        if as_json:
            print(json.dumps({"error": str(error)}, indent=2))
        else:
            print(f"Nothing can be run:\n{error}", file=sys.stderr)
        return 2 if isinstance(error, SettingsError) else 1
    if as_json:
        print(json.dumps(state, indent=2, default=str))
    else:
        print("\n".join(map(printable, _lines(state))))
    return 0


def read_status(settings: Settings, full_refresh: bool = False) -> dict[str, Any]:
    """Return the state as plain data.

    - `release`: id, instant of publication and of the latest message; null without a release
    - `freshness`: the verdict on the release (fresh, late, stale), and why
    - `accounts`: of each the verdict, the time zone, and both instants on its clock
    - `next_run`: whether it would do anything (`is_needed`), the `reasons`, and the `build` (`full`,
      `incremental`, or null)

    Raises `SettingsError` for an invalid seed or a landing that does not answer, `RawStoreError` for a
    damaged file of raw/.
    """
    freshness = check_freshness(settings)
    release = freshness.release
    reasons = list(reasons_to_run(settings))
    if full_refresh:
        gone = gone_from_landing(settings)
        reasons = ["a full refresh reads all of landing again"]
        reasons += [f"it needs --force: landing no longer holds {len(gone):,} loaded files"] if gone else []
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
