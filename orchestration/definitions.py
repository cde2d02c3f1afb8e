"""The code location, with the assets, checks, jobs, schedules and sensors of all packages."""

from contextlib import suppress
from importlib import import_module

import dagster as dg

from orchestration.automation.home_lock import locked_settings
from orchestration.automation.jobs import REFRESH, REPLAY
from orchestration.automation.schedules import daily_schedule
from orchestration.automation.sensors import (
    failure_sensor,
    housekeeping_sensor,
    killed_run_sensor,
    new_exports_sensor,
    overview_sensor,
    release_sensor,
)
from orchestration.fetch.assets import account_key, build_fetch, fetched_accounts
from orchestration.ingest.assets import ingest, landing
from orchestration.publish.assets import build_publish_assets, build_report_asset
from orchestration.publish.overview import build_overview
from orchestration.quality.asset_checks import quality_gate
from orchestration.settings import Settings, load_settings
from orchestration.summary import progress
from orchestration.warehouse.assets import build_dbt_assets, dbt_resource, previous_tables, read_manifest

# Great Expectations, and the libraries that draw charts: each takes a second or more.
SLOW_MODULES = ("orchestration.quality.gate", "altair", "vl_convert")


def import_slow_modules() -> None:
    """Import in advance what later stages need. If this fails, those stages report the error."""
    for module in SLOW_MODULES:
        with suppress(Exception):
            import_module(module)


def build_definitions(settings: Settings) -> dg.Definitions:
    """Return the code location for these settings."""
    fetched = [account_key(account.account_id) for account in fetched_accounts(settings)]
    fetch = build_fetch(settings)
    manifest = read_manifest(settings)
    definitions = dg.Definitions(
        assets=[
            landing.replace_attributes(deps=fetched),
            ingest,
            *previous_tables(manifest),
            build_dbt_assets(manifest, meanwhile=import_slow_modules),
            build_publish_assets(settings, [quality_gate]),
            build_report_asset(settings),
            build_overview([quality_gate]),
        ],
        asset_checks=[quality_gate],
        jobs=[REFRESH, REPLAY],
        schedules=[daily_schedule(settings)],
        sensors=[
            new_exports_sensor(settings),
            failure_sensor(settings, fetch.jobs or ()),
            release_sensor(settings),
            overview_sensor(settings, [quality_gate]),
            housekeeping_sensor(settings),
            killed_run_sensor(settings),
        ],
        executor=dg.in_process_executor,
        loggers={"progress": progress},
        resources={
            "settings": locked_settings(settings),
            "dbt": dbt_resource(settings),
        },
    )
    return dg.Definitions.merge(definitions, fetch)


@dg.definitions
def definitions() -> dg.Definitions:
    """Return the code location for the settings of the environment."""
    return build_definitions(load_settings())
