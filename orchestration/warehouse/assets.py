"""raw → marts: the dbt assets, and how they look in Dagster.

Belongs here: running dbt, and what the candidate was built from. Does not: any SQL (see `models/`).
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from functools import cached_property
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from threading import Thread
from typing import Any

import dagster as dg
import duckdb
from packaging.version import Version

from orchestration.common.candidate_files import discard_candidate
from orchestration.common.sql import parquet
from orchestration.ingest.raw_store.ledger import ledger_folder
from orchestration.ingest.raw_store.retention import horizon
from orchestration.settings import PROJECT, Settings
from orchestration.warehouse.candidate import Built, CandidateHeldError, read_built, wait_until_free
from orchestration.warehouse.spark import SparkError, require_spark, show_tables

# dagster-dbt imports dbt where it finds it, for longer than Dagster itself takes. Here dbt is a program only.
sys.modules.setdefault("dbt", None)
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtCliResource, dbt_assets  # noqa: E402

if sys.modules["dbt"] is None:
    del sys.modules["dbt"]

DBT_FOLDERS = ("dbt_project", "models", "seeds")
CODE = ("*.py", "*.sql", "*.j2")
DBT_FILES = {".sql", ".yml", ".csv", ".md"}


class Translator(DagsterDbtTranslator):
    """Names and groups of dbt's models as Dagster's assets: `<layer>/<model>`, fed by `raw/<entity>`."""

    def __init__(self) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True))

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """Return `raw/<entity>` for a source, whatever its platform, and `<layer>/<model>` for all else."""
        if dbt_resource_props["resource_type"] == "source":
            return dg.AssetKey(["raw", dbt_resource_props["name"]])
        return super().get_asset_key(dbt_resource_props)

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """Return the layer."""
        return dbt_resource_props["config"].get("schema")

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str]:
        """Return the team that answers for the warehouse."""
        return ["team:data"]


class Dbt(DbtCliResource):
    """dbt's command line, without the two look-ups by which dagster-dbt precedes every call.

    Asking the command line for its version and building an adapter in this process cost about five seconds a
    run; the version is known from the installed package, and the adapter serves features not used here.
    """

    @cached_property
    def _cli_version(self) -> Version:
        return Version(version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Any) -> None:
        return None


def dbt_resource(settings: Settings) -> Dbt:
    """Return dbt's command line on the project; the settings reach it through this process's environment."""
    os.environ.update(settings.environment())
    folder = str(settings.project / "dbt_project")
    return Dbt(
        project_dir=folder,
        profiles_dir=folder,
        dbt_executable=str(Path(sys.executable).with_name("dbt")),
        # All that it does in a file takes a tenth of its time. `make dbt` writes it.
        global_config_flags=["--log-level-file", "info"],
    )


def parsed_manifest(settings: Settings) -> Path:
    """Return the manifest of the dbt project, parsed anew if it is older than one of the project's files.

    So it is too where a crash left only a part of it.
    """
    manifest = settings.dbt_target_path / "manifest.json"
    newest = max(path.stat().st_mtime for path in _dbt_files(settings))
    if not manifest.exists() or manifest.stat().st_mtime < newest or not _is_json(manifest):
        dbt_resource(settings).cli(["parse", "--quiet"], target_path=settings.dbt_target_path).wait()
    return manifest


def build_dbt_assets(settings: Settings, meanwhile: Callable[[], None]) -> dg.AssetsDefinition:
    """Return all models, seeds and data tests as one step.

    dbt is a process of its own; `meanwhile` is called in this one.
    """

    @dbt_assets(
        name="warehouse",
        manifest=parsed_manifest(settings),
        dagster_dbt_translator=Translator(),
        pool="warehouse",
    )
    def warehouse(
        context: dg.AssetExecutionContext, dbt: Dbt, settings: dg.ResourceParam[Settings]
    ) -> Iterator[Any]:
        try:
            wait_until_free(settings, context.log.info)
            if settings.engine == "spark":
                require_spark(settings)
        except (CandidateHeldError, SparkError) as error:
            raise dg.Failure(str(error)) from None
        # Told before dbt begins: what comes in meanwhile is still new to the next build.
        now = _inputs(settings)
        # What is built once more from the same did not become a release.
        _remove_broken(settings, context.log.warning, is_doubtful=built_from(settings) == now.fingerprint)
        adds = not context.is_subset and _can_be_added_to(settings, now)
        # A part built from newer input than the rest makes a candidate of which nobody can say what it is.
        is_told = not context.is_subset or built_from(settings) == now.fingerprint
        base = built_from(settings) if adds else None
        if not adds and not context.is_subset:
            discard_candidate(settings)
        settings.fingerprint_path.unlink(missing_ok=True)
        extent = [] if adds else ["--full-refresh"]
        build = _build_on_spark if settings.engine == "spark" else _build
        if context.is_subset:
            _show_all_of_staging(dbt, settings)
        Thread(target=meanwhile, daemon=True).start()
        events = []
        try:
            events.extend(build(dbt, context, settings, extent))
            if is_told:
                settings.fingerprint_path.write_text(json.dumps(asdict(replace(now, base=base))))
        finally:
            # Only now that dbt has let go of the file can the rows be counted.
            rows = _count_rows(settings)
            for event in events:
                if isinstance(event, dg.Output) and event.output_name in rows:
                    context.add_output_metadata(rows[event.output_name], output_name=event.output_name)
                yield event

    return warehouse


def _build(
    dbt: Dbt, context: dg.AssetExecutionContext, settings: Settings, extent: list[str]
) -> Iterator[Any]:
    arguments = ["build", "--exclude-resource-type", "unit_test", *extent]
    yield from dbt.cli(arguments, context=context, target_path=settings.dbt_target_path).stream()


def _build_on_spark(
    dbt: Dbt, context: dg.AssetExecutionContext, settings: Settings, extent: list[str]
) -> Iterator[Any]:
    """Make the tables on Spark; then, in the candidate, the views, and with them test all of it."""
    target, folder = _target(settings)
    kinds = ["--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"]
    yield from dbt.cli(["build", *target, *kinds, *extent], context=context, target_path=folder).stream()
    views = ["run", *extent, "--exclude", " ".join(show_tables(settings))]
    dbt.cli([*views, "--quiet"], target_path=settings.dbt_target_path).wait()
    tests = ["test", "--exclude-resource-type", "unit_test"]
    yield from dbt.cli(tests, context=context, target_path=settings.dbt_target_path).stream()


def _target(settings: Settings) -> tuple[list[str], Path]:
    """Return dbt's options for the engine that makes the tables, and its folder for what it parsed for it."""
    if settings.engine == "spark":
        return ["--target", "spark"], settings.dbt_target_path / "spark"
    return [], settings.dbt_target_path


def built_from(settings: Settings) -> str:
    """Return the fingerprint of what the candidate was built from; empty if not all of it from the same."""
    built = read_built(settings)
    return built.fingerprint if built else ""


def _can_be_added_to(settings: Settings, now: Built) -> bool:
    """Return whether it is enough to add to the candidate what is new.

    It is not where models, seeds, code or settings changed, or where raw was not only added to.
    """
    built = read_built(settings)
    if built is None or not settings.warehouse_path.exists() or built.rules != now.rules:
        return False
    return now.batches[: len(built.batches)] == built.batches


def fingerprint(settings: Settings) -> str:
    """Return the digest of what a release is made of: the batches, and the rules by which it is made."""
    return _inputs(settings).fingerprint


def _inputs(settings: Settings) -> Built:
    """Return what a candidate is built from that is built now."""
    digest, batches = _rules(settings), _batches(settings)
    return Built(sha256(f"{_names(batches)} {digest}".encode()).hexdigest(), digest, batches)


def _names(batches: list[str]) -> list[str]:
    return [batch.split()[0] for batch in batches]


def _rules(settings: Settings) -> str:
    """Return the digest of all but the batches: their greatest age, seeds, models, code and settings."""
    digest = sha256(f"{horizon(settings)} {settings.window_hours} {settings.engine}".encode())
    code = [path for kind in CODE for path in sorted((PROJECT / "orchestration").rglob(kind))]
    for path in [*_dbt_files(settings), *code]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    digest.update(settings.ensure_hash_key().read_bytes())
    return digest.hexdigest()


def _batches(settings: Settings) -> list[str]:
    """Return the batches of the ledger in the order of their coming, each with the number of its rows.

    So it shows where rows of a batch were removed, and not where its files were compacted.
    """
    if not ledger_folder(settings).exists():
        return []
    with duckdb.connect() as connection:
        batches = connection.execute(
            f"select batch_id, count(*) from {_ledger(settings)} group by batch_id order by batch_id"
        ).fetchall()
    return [f"{batch} {rows}" for batch, rows in batches]


def _ledger(settings: Settings) -> str:
    return parquet(ledger_folder(settings) / "*.parquet")


def _show_all_of_staging(dbt: Dbt, settings: Settings) -> None:
    """Let the views of staging show all records again: after an increment they show what was new in it."""
    arguments = ["run", "--full-refresh", "--select", "staging", "--exclude", "stg_ingest__files"]
    target, folder = _target(settings)
    dbt.cli([*arguments, *target, "--quiet"], target_path=folder).wait()


def _remove_broken(settings: Settings, progress: Callable[[str], None], is_doubtful: bool) -> None:
    """Remove a candidate that cannot be read, and say so: dbt then builds all of it anew from raw/.

    A doubtful one is read through, any other only opened. One that is locked is left to who holds it.
    """
    path = settings.warehouse_path
    if not path.exists():
        return
    try:
        with duckdb.connect(path, read_only=True) as connection:
            tables = connection.execute("select schema_name, table_name from duckdb_tables()").fetchall()
            for schema, table in tables if is_doubtful else ():
                connection.execute(f'select max(hash(t)) from "{schema}"."{table}" as t').fetchone()
    except duckdb.Error as error:
        if "Could not set lock" in str(error):
            return
        progress(f"{path} is damaged and is built anew from raw/: {str(error).splitlines()[0]}")
        discard_candidate(settings)


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except ValueError:
        return False
    return True


def _count_rows(settings: Settings) -> dict[str, dict[str, int]]:
    """Return the rows of every table of the candidate, as metadata of the output `<layer>__<table>`."""
    if not settings.warehouse_path.exists():
        return {}
    with duckdb.connect(settings.warehouse_path, read_only=True) as connection:
        tables = connection.execute(
            "select schema_name, table_name from duckdb_tables() union all"
            " select schema_name, view_name from duckdb_views() where schema_name = 'marts'"
        ).fetchall()
        return {
            f"{schema}__{table}": {
                "dagster/row_count": connection.execute(
                    f'select count(*) from "{schema}"."{table}"'
                ).fetchone()[0]
            }
            for schema, table in tables
        }


def _dbt_files(settings: Settings) -> list[Path]:
    folders = (settings.project / folder for folder in DBT_FOLDERS)
    return sorted(
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.suffix in DBT_FILES and "target" not in path.parts
    )
