"""The assets `landing/<account>` of accounts fetched from an API, with their job and schedule.

Belongs here: the definitions for Dagster. Does not: fetching (`accounts`).
"""

import logging
from collections.abc import Iterator

import dagster as dg

from orchestration.fetch.connections import ConnectedAccount, connected_accounts
from orchestration.settings import Settings, SettingsError

JOB = "fetch"

log = logging.getLogger(__name__)


def fetched_accounts(settings: Settings) -> list[ConnectedAccount]:
    """Return the accounts to fetch. If connections.toml is invalid, warn and return none."""
    try:
        return connected_accounts(settings)
    except SettingsError as error:
        log.warning("No account is fetched:\n%s", error)
        return []


def build_fetch(settings: Settings) -> dg.Definitions:
    """Return the assets of the fetched accounts, their job and their schedule. Turn it on in the UI."""
    accounts = {account.account_id: account for account in fetched_accounts(settings)}
    if not accounts:
        return dg.Definitions()
    assets = _assets(settings, accounts)
    job = dg.define_asset_job(
        JOB,
        selection=dg.AssetSelection.assets(assets),
        description="Fetches changes from the platforms' APIs into landing. The next refresh ingests them.",
        executor_def=dg.in_process_executor,
    )
    schedule = dg.ScheduleDefinition(
        name=JOB,
        job=job,
        cron_schedule=settings.fetch_schedule,
        execution_timezone=settings.time_zone,
        description="Fetches changes from the platforms' APIs.",
    )
    return dg.Definitions(assets=[assets], jobs=[job], schedules=[schedule])


def account_key(account_id: str) -> dg.AssetKey:
    """Return the key of the asset of an account."""
    return dg.AssetKey(["landing", account_id])


def _assets(settings: Settings, accounts: dict[str, ConnectedAccount]) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name="fetch_exports",
        specs=[
            dg.AssetSpec(
                account_key(name),
                description=f"The files of account {name}, fetched from the API of {one.platform}.",
                group_name="landing",
                kinds={one.platform},
                owners=["team:data"],
                skippable=True,
            )
            for name, one in accounts.items()
        ],
        can_subset=True,
    )
    def fetch_exports(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        """Fetch each account. A failed account does not stop the others."""
        # Imported late: the client takes a second to import, and most runs do not fetch.
        from orchestration.fetch.accounts import FetchError, fetch_account

        failures = []
        for name, account in accounts.items():
            if account_key(name) not in context.selected_asset_keys:
                continue
            try:
                fetched = fetch_account(settings, account, context.log.info)
            except (FetchError, SettingsError) as error:
                failures.append(str(error))
                continue
            notes = "\n\n".join(fetched.notes)
            yield dg.MaterializeResult(
                asset_key=account_key(name),
                metadata={
                    **fetched.records,
                    "files": len(fetched.files),
                    **({"not_in_the_api": dg.MetadataValue.md(notes)} if notes else {}),
                },
            )
        if failures:
            raise dg.Failure("\n".join(failures))

    return fetch_exports
