"""raw → marts: the dbt assets, and how Dagster shows them.

Belongs here: running dbt, and whether a build may be incremental. Does not: any SQL (see `models/`).
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
    CandidateHeldError,
    complete_build,
    completed_build,
    wait_until_free,
)
from orchestration.warehouse.inputs import current_inputs, dbt_files
from orchestration.warehouse.spark import SparkError, load_tables, require_spark

MANIFEST = "manifest.json"
FULL_BUILD = "conversations/full_build"  # tag of a run that builds all tables in full
CANDIDATE_SCHEMAS = {"main": "marts", "reporting": "reporting"}
# dbt's sources that are the candidate as the build before left it.
CANDIDATE_SOURCES = ("candidate", "candidate_reporting", "build")
# Marts that read nothing but facts, seeds and the ledger: they can be rebuilt without the rest.
REBUILDABLE = {
    *("agg_by_agent", "agg_by_hour", "agg_by_tag", "agg_delivery", "agg_overview", "csat_summary"),
    *("dim_accounts", "ingested_files", "rejected_records", "rpt_conversations", "rpt_counts_by_day"),
    "rpt_turns",
}


class Translator(DagsterDbtTranslator):
    """Names and groups of dbt's models as Dagster's assets: `<layer>/<model>`, fed by `raw/<entity>`."""

    def __init__(self) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True))

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """Return `raw/<entity>` for a raw source, whatever its platform, and `<layer>/<model>` for the rest.

        The previous state of the candidate, which is a source too, has keys of its own: `candidate/<table>`.
        """
        name = dbt_resource_props["name"]
        if dbt_resource_props["resource_type"] == "source":
            of_candidate = dbt_resource_props["source_name"] in CANDIDATE_SOURCES
            return dg.AssetKey(["candidate" if of_candidate else "raw", name])
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
    """Return dbt's command line on the project; the settings reach it through this process's environment."""
    platforms = sorted({account.platform.name for account in read_seeds(settings.seeds).accounts.values()})
    os.environ.update(settings.environment() | {f"{PREFIX}PLATFORMS": ",".join(platforms)})
    folder = str(settings.project / "dbt_project")
    return DbtProgram(
        project_dir=folder,
        profiles_dir=folder,
        dbt_executable=str(Path(sys.executable).with_name("dbt")),
        # Logging all that it does to a file takes a tenth of its time. `make dbt` does.
        global_config_flags=["--log-level-file", "info"],
    )


def read_manifest(settings: Settings) -> dict[str, Any]:
    """Return the manifest of the dbt project; parse the project where it is damaged or older.

    Tests of platforms that no account uses are not in it.
    """
    manifest = _parsed(settings)
    if manifest is None:
        dbt_resource(settings).cli(["parse", "--quiet"], target_path=settings.dbt_target_path).wait()
        # dagster-dbt copies an earlier parse of the project with the rights that it had.
        make_private(settings.dbt_target_path.iterdir())
        manifest = json.loads((settings.dbt_target_path / MANIFEST).read_bytes())
    # dbt lists these tests as disabled among its nodes, and Dagster would expect their results.
    enabled = {name: node for name, node in manifest["nodes"].items() if node["config"].get("enabled", True)}
    return manifest | {"nodes": enabled}


def _parsed(settings: Settings) -> dict[str, Any] | None:
    """Return the manifest as it is; None where it is missing, damaged or older than the project."""
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

    dbt is a process of its own; `meanwhile` is called in this one.
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
        # Before dbt begins: a batch that is ingested meanwhile is new to the next build.
        inputs = current_inputs(settings)
        _remove_damaged(settings, context.log.warning)
        last = completed_build(settings)
        if context.is_subset:
            _require_rebuildable(context, settings)
        is_increment = (
            not (context.is_subset or context.has_tag(FULL_BUILD))
            and last
            and inputs.only_add_to(last.rules, last.batches)
        )
        if not is_increment and not context.is_subset:
            discard_candidate(settings)
        Thread(target=meanwhile, daemon=True).start()
        extent = [] if is_increment else ["--full-refresh"]
        build = _build_on_spark if settings.engine == "spark" else _build
        events = []
        try:
            events.extend(build(dbt, context, settings, extent))
            # A part built from other inputs than the rest leaves a candidate that cannot be published.
            if not context.is_subset or (last and last.fingerprint == inputs.fingerprint):
                complete_build(settings, inputs.fingerprint, inputs.rules, inputs.batches)
        finally:
            # dbt no longer holds the files, so the rows can be counted.
            rows = _count_rows(settings)
            for event in events:
                if isinstance(event, dg.Output) and event.output_name in rows:
                    context.add_output_metadata(rows[event.output_name], output_name=event.output_name)
                yield event

    return warehouse


def previous_tables(manifest: Mapping[str, Any]) -> list[dg.AssetSpec]:
    """Return the tables of the candidate as the build before left them, which an incremental build reads.

    They are assets of their own, or Dagster would take them for the tables that this build makes.
    """
    sources = manifest["sources"].values()
    names = sorted(source["name"] for source in sources if source["source_name"] in CANDIDATE_SOURCES)
    return [
        dg.AssetSpec(
            ["candidate", name],
            group_name="candidate",
            owners=["team:data"],
            description=f"{name} as the build before left it.",
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
    """Build the tables on Spark, load them into the candidate, add the views and test everything there."""
    folder = settings.dbt_target_path / "spark"
    kinds = ["--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"]
    build = ["build", "--target", "spark", *kinds, "--full-refresh"]
    yield from dbt.cli(build, context=context, target_path=folder).stream()
    views = ["run", "--full-refresh", "--exclude", " ".join(load_tables(settings))]
    dbt.cli([*views, "--quiet"], target_path=settings.dbt_target_path).wait()
    tests = ["test", "--exclude-resource-type", "unit_test"]
    yield from dbt.cli(tests, context=context, target_path=settings.dbt_target_path).stream()


def _require_rebuildable(context: dg.AssetExecutionContext, settings: Settings) -> None:
    """Raise `dagster.Failure` if selected marts need intermediate tables that hold changed records alone."""
    selected = {key.path[-1] for key in context.selected_asset_keys}
    builds_all = (last := completed_build(settings)) is not None and last.is_full
    if selected - REBUILDABLE and not builds_all:
        raise dg.Failure(
            f"{', '.join(sorted(selected - REBUILDABLE))} cannot be rebuilt without the rest, since the last"
            " build was incremental: materialize all assets of the warehouse."
        )


def _remove_damaged(settings: Settings, progress: Callable[[str], None]) -> None:
    """Remove a candidate that cannot be read, and report it: dbt then builds all of it from raw/.

    One that is locked is left to the program that holds it.
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
    """Return the rows of every table, as metadata of the output `<layer>__<table>`."""
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
