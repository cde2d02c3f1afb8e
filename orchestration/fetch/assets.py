"""The assets `landing/<account>` of the accounts that are fetched from an API, their job and their schedule.

Belongs here: what Dagster shows of fetching. Does not: fetching itself (`accounts`).
"""

import logging
from collections.abc import Iterator

import dagster as dg

from orchestration.fetch.connections import Connected, connected_accounts
from orchestration.settings import Settings, SettingsError

JOB = "fetch"

log = logging.getLogger(__name__)


def fetched_accounts(settings: Settings) -> list[Connected]:
    """Return the accounts that are fetched; none, with a warning, where connections.toml is invalid."""
    try:
        return connected_accounts(settings)
    except SettingsError as error:
        log.warning("No account is fetched:\n%s", error)
        return []


def build_fetch(settings: Settings) -> dg.Definitions:
    """Return the assets of the fetched accounts, their job and their schedule, which starts stopped."""
    accounts = {account.account_id: account for account in fetched_accounts(settings)}
    if not accounts:
        return dg.Definitions()
    assets = _assets(settings, accounts)
    job = dg.define_asset_job(
        JOB,
        selection=dg.AssetSelection.assets(assets),
        description="Reads what is new from the platforms' APIs into landing. The next refresh loads it.",
        executor_def=dg.in_process_executor,
    )
    schedule = dg.ScheduleDefinition(
        name=JOB,
        job=job,
        cron_schedule=settings.fetch_schedule,
        execution_timezone=settings.time_zone,
        description="Fetches what is new from the platforms' APIs.",
    )
    return dg.Definitions(assets=[assets], jobs=[job], schedules=[schedule])


def account_key(account_id: str) -> dg.AssetKey:
    """Return the key of the asset of an account."""
    return dg.AssetKey(["landing", account_id])


def _assets(settings: Settings, accounts: dict[str, Connected]) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name="fetch_exports",
        specs=[
            dg.AssetSpec(
                account_key(name),
                description=f"The files of account {name} that were fetched from the API of {one.platform}.",
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
        """Fetch each account; one that fails does not stop the others."""
        # Imports the client, which takes a second; most runs fetch nothing.
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
