"""From raw to marts: the dbt assets.

Belongs here: running dbt, the definitions for Dagster, and whether a build can be incremental. Does not: any
SQL (`models/`).
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from threading import Thread
from typing import Any

import dagster as dg
import duckdb

from orchestration.common.candidate_files import discard_candidate
from orchestration.common.files import make_private
from orchestration.dagster_ext.dbt_program import (
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    DbtProgram,
    dbt_assets,
)
from orchestration.ingest.seeds import read_seeds
from orchestration.settings import PREFIX, Settings
from orchestration.warehouse.candidate import (
    MOST_INCREMENTS,
    Build,
    CandidateHeldError,
    builds,
    complete_build,
    completed_build,
    rename_build,
    wait_until_free,
)
from orchestration.warehouse.inputs import Inputs, current_inputs, dbt_files
from orchestration.warehouse.spark import SparkError, load_tables, require_spark

MANIFEST = "manifest.json"
FULL_BUILD = "conversations/full_build"  # tag of a run with a full build
CANDIDATE_SCHEMAS = {"main": "marts", "reporting": "reporting"}
# dbt sources of the candidate's previous state.
CANDIDATE_SOURCES = ("candidate", "candidate_reporting", "build")
# Marts that read only facts, seeds and the ledger, so that they can be rebuilt alone.
REBUILDABLE = {
    *("agg_by_agent", "agg_by_hour", "agg_by_tag", "agg_delivery", "agg_overview", "csat_summary"),
    *("dim_accounts", "ingested_files", "rejected_records", "rpt_conversations", "rpt_counts_by_day"),
    "rpt_coverage",
    "rpt_turns",
}


class Translator(DagsterDbtTranslator):
    """Asset keys and groups of the dbt models: `<layer>/<model>`, upstream `raw/<entity>`."""

    def __init__(self) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True))

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """Return `raw/<entity>` for a raw source of any platform, and `<layer>/<model>` for the others.

        Sources of the candidate's previous state have separate keys: `candidate/<table>`.
        """
        name = dbt_resource_props["name"]
        if dbt_resource_props["resource_type"] == "source":
            is_candidate = dbt_resource_props["source_name"] in CANDIDATE_SOURCES
            return dg.AssetKey(["candidate" if is_candidate else "raw", name])
        return dg.AssetKey([_layer(dbt_resource_props), name])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """Return the layer."""
        return _layer(dbt_resource_props)

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str]:
        """Return the team that owns the warehouse."""
        return ["team:data"]


def _layer(node: Mapping[str, Any]) -> str:
    schema = node["config"].get("schema") or node.get("schema")
    return CANDIDATE_SCHEMAS.get(schema, schema)


def dbt_resource(settings: Settings) -> DbtProgram:
    """Return the dbt command line for the project. Sets the environment variables that pass the settings."""
    platforms = sorted({account.platform.name for account in read_seeds(settings.seeds).accounts.values()})
    os.environ.update(settings.environment() | {f"{PREFIX}PLATFORMS": ",".join(platforms)})
    folder = str(settings.project / "dbt_project")
    return DbtProgram(
        project_dir=folder,
        profiles_dir=folder,
        dbt_executable=str(Path(sys.executable).with_name("dbt")),
        # The default debug log file takes a tenth of dbt's time. `make dbt` writes it.
        global_config_flags=["--log-level-file", "info"],
    )


def read_manifest(settings: Settings) -> dict[str, Any]:
    """Return the manifest of the dbt project. Parses the project if the manifest is damaged or outdated.

    Tests of platforms that no account uses are left out.
    """
    manifest = _parsed(settings)
    if manifest is None:
        dbt_resource(settings).cli(["parse", "--quiet"], target_path=settings.dbt_target_path).wait()
        # dagster-dbt copies an earlier parse of the project with its permissions.
        make_private(settings.dbt_target_path.iterdir())
        manifest = json.loads((settings.dbt_target_path / MANIFEST).read_bytes())
    # dbt lists disabled tests among its nodes, but Dagster would expect their results.
    enabled = {name: node for name, node in manifest["nodes"].items() if node["config"].get("enabled", True)}
    return manifest | {"nodes": enabled}


def _parsed(settings: Settings) -> dict[str, Any] | None:
    """Return the existing manifest, or None if it is missing, damaged or older than the project."""
    path = settings.dbt_target_path / MANIFEST
    newest = max(file.stat().st_mtime for file in dbt_files(settings))
    if not path.exists() or path.stat().st_mtime < newest:
        return None
    try:
        return json.loads(path.read_bytes())
    except ValueError:
        return None


def build_dbt_assets(manifest: Mapping[str, Any], meanwhile: Callable[[], None]) -> dg.AssetsDefinition:
    """Return all models, seeds and data tests of the manifest as one step.

    `meanwhile` is called in this process while dbt runs in its own.
    """

    @dbt_assets(
        name="warehouse",
        manifest=manifest,
        dagster_dbt_translator=Translator(),
    )
    def warehouse(
        context: dg.AssetExecutionContext, dbt: DbtProgram, settings: dg.ResourceParam[Settings]
    ) -> Iterator[Any]:
        try:
            wait_until_free(settings, context.log.info)
            if settings.engine == "spark":
                require_spark(settings)
        except (CandidateHeldError, SparkError) as error:
            raise dg.Failure(str(error)) from None
        # Read before dbt starts: a batch ingested during the build is new for the next one.
        inputs = current_inputs(settings)
        _remove_damaged(settings, context.log.warning)
        last = completed_build(settings)
        if context.is_subset:
            _require_rebuildable(context, settings)
        is_increment = not (context.is_subset or context.has_tag(FULL_BUILD)) and can_be_incremental(
            settings, inputs, last
        )
        if not is_increment and not context.is_subset:
            discard_candidate(settings)
        Thread(target=meanwhile, daemon=True).start()
        extent = [] if is_increment else ["--full-refresh"]
        build = _build_on_spark if settings.engine == "spark" else _build
        events = []
        try:
            events.extend(build(dbt, context, settings, extent))
            # If a part is built from other inputs than the rest, the candidate cannot be published.
            if not context.is_subset or (last and last.fingerprint == inputs.fingerprint):
                complete_build(settings, inputs.fingerprint, inputs.rules, inputs.batches)
        finally:
            # dbt has closed the files, so the rows can be counted.
            rows = _count_rows(settings)
            for event in events:
                if isinstance(event, dg.Output) and event.output_name in rows:
                    context.add_output_metadata(rows[event.output_name], output_name=event.output_name)
                yield event

    return warehouse


def can_be_incremental(settings: Settings, inputs: Inputs, last: Build | None) -> bool:
    """Return whether a build can add to the last one. After many that did, a full build compacts the file."""
    return (
        last is not None
        and inputs.only_add_to(last.rules, last.batches)
        and len(builds(settings)) <= MOST_INCREMENTS
    )


def previous_tables(manifest: Mapping[str, Any]) -> list[dg.AssetSpec]:
    """Return the assets of the candidate's previous state, which incremental builds read.

    They are separate assets, so that Dagster does not mistake them for the tables that the build creates.
    """
    sources = manifest["sources"].values()
    names = sorted(source["name"] for source in sources if source["source_name"] in CANDIDATE_SOURCES)
    return [
        dg.AssetSpec(
            ["candidate", name],
            group_name="candidate",
            owners=["team:data"],
            description=f"{name} in its state before the build.",
            kinds={"duckdb"},
        )
        for name in names
    ]


def _build(
    dbt: DbtProgram, context: dg.AssetExecutionContext, settings: Settings, extent: list[str]
) -> Iterator[Any]:
    arguments = ["build", "--exclude-resource-type", "unit_test", *extent]
    yield from dbt.cli(arguments, context=context, target_path=settings.dbt_target_path).stream()


def _build_on_spark(
    dbt: DbtProgram, context: dg.AssetExecutionContext, settings: Settings, extent: list[str]
) -> Iterator[Any]:
    """Build the tables on Spark, load them into the candidate, create the views and run the tests there."""
    folder = settings.dbt_target_path / "spark"
    kinds = ["--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"]
    build = ["build", "--target", "spark", *kinds, "--full-refresh"]
    on_spark = dbt.cli(build, context=context, target_path=folder)
    yield from on_spark.stream()
    views = ["run", "--full-refresh", "--exclude", " ".join(load_tables(settings))]
    dbt.cli([*views, "--quiet"], target_path=settings.dbt_target_path).wait()
    rename_build(settings, on_spark.get_artifact("run_results.json")["metadata"]["invocation_id"])
    tests = ["test", "--exclude-resource-type", "unit_test"]
    yield from dbt.cli(tests, context=context, target_path=settings.dbt_target_path).stream()


def _require_rebuildable(context: dg.AssetExecutionContext, settings: Settings) -> None:
    """Raise `dagster.Failure` if selected marts need full tables but the last build was incremental."""
    selected = {key.path[-1] for key in context.selected_asset_keys}
    builds_all = (last := completed_build(settings)) is not None and last.is_full
    if selected - REBUILDABLE and not builds_all:
        raise dg.Failure(
            f"{', '.join(sorted(selected - REBUILDABLE))} cannot be rebuilt alone, because the last build was"
            " incremental. Materialize all assets of the warehouse."
        )


def _remove_damaged(settings: Settings, progress: Callable[[str], None]) -> None:
    """Remove a damaged candidate and report it. dbt then builds everything from raw/.

    A candidate that another program has locked is kept.
    """
    for path in (settings.warehouse_path, settings.candidate_path):
        if not path.exists():
            continue
        try:
            with duckdb.connect(path, read_only=True) as connection:
                tables = connection.execute("select schema_name, table_name from duckdb_tables()").fetchall()
                for schema, table in tables:
                    connection.execute(f'from "{schema}"."{table}" limit 1').fetchone()
        except duckdb.Error as error:
            if "Could not set lock" in str(error):
                return
            progress(f"{path} is damaged and is rebuilt from raw/: {str(error).splitlines()[0]}")
            discard_candidate(settings)
            return


def _count_rows(settings: Settings) -> dict[str, dict[str, int]]:
    """Return the row count of every table, as metadata of the output `<layer>__<table>`."""
    rows: dict[str, dict[str, int]] = {}
    for path in (settings.warehouse_path, settings.candidate_path):
        if not path.exists():
            continue
        with duckdb.connect(path, read_only=True) as connection:
            for schema, table in connection.execute(
                "select schema_name, table_name from duckdb_tables()"
            ).fetchall():
                [count] = connection.execute(f'select count(*) from "{schema}"."{table}"').fetchone()
                layer = CANDIDATE_SCHEMAS.get(schema, schema)
                rows[f"{layer}__{table}"] = {"dagster/row_count": count}
    return rows
