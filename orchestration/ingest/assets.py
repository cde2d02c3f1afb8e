"""The raw assets, one per entity. A single ingest materializes all of them.

Belongs here: asset definitions, metadata and asset checks. Does not: the ingest itself (`pipeline`).
"""

from collections.abc import Iterator
from pathlib import Path

import duckdb
from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetSpec,
    Config,
    Failure,
    MaterializeResult,
    MetadataValue,
    ResourceParam,
    TableColumn,
    TableSchema,
    multi_asset,
)
from pydantic import Field

from orchestration.common.markdown import last_files, top_reasons
from orchestration.common.sql import parquet, quoted
from orchestration.ingest.parsing.typing import raw_columns
from orchestration.ingest.pipeline import ingest as run_ingest
from orchestration.ingest.platforms import PLATFORMS
from orchestration.ingest.platforms.schema import Entity
from orchestration.ingest.raw_store import erasure
from orchestration.ingest.raw_store.ledger import LEDGER, REJECTED, RawStoreError, ledger_folder
from orchestration.ingest.raw_store.replay import ReplayError, ReplaySelection
from orchestration.ingest.seeds import read_seeds
from orchestration.settings import Settings, SettingsError

OWNERS = ["team:data"]

landing = AssetSpec(
    "landing",
    description="The export files as delivered by the platform, in landing/<account>/<entity>/. Read-only.",
    group_name="landing",
    kinds={"file"},
    owners=OWNERS,
)


def _entities() -> dict[str, list[Entity]]:
    """Return the entities by name. Platforms can share an entity name."""
    entities: dict[str, list[Entity]] = {}
    for platform in PLATFORMS.values():
        for entity in platform.entities:
            entities.setdefault(entity.name, []).append(entity)
    return entities


def _key(entity: str) -> AssetKey:
    return AssetKey(["raw", entity])


def _entity_spec(name: str, entities: list[Entity]) -> AssetSpec:
    columns = {column: kind for entity in entities for column, kind in raw_columns(entity).items()}
    return _spec(name, f"{entities[0].description} As exported. One row per record of each file.", columns)


def _spec(name: str, description: str, columns: dict[str, str]) -> AssetSpec:
    schema = TableSchema([TableColumn(column, kind) for column, kind in columns.items()])
    return AssetSpec(
        _key(name),
        deps=[landing],
        description=description,
        metadata={"dagster/column_schema": schema},
        group_name="raw",
        kinds={"parquet", "duckdb"},
        owners=OWNERS,
        skippable=True,
    )


FOLDERS_ARE_KNOWN = AssetCheckSpec(
    "landing_folders_are_known",
    asset=_key("conversations"),
    description="Every folder and file in landing belongs to a known account and an entity of its platform.",
)

ERASURES_MATCH = AssetCheckSpec(
    "erasures_match_a_contact",
    asset=_key("contacts"),
    description="Every row of seed erasures.csv matches a contact, and no file name contains its id.",
)


INGESTED_FILES = _spec(
    "ingested_files",
    "Every ingested file, with its number of records read, accepted and rejected, and its time."
    " One row per file and entity.",
    LEDGER,
)

REJECTED_RECORDS = _spec(
    "rejected_records",
    "The rejected records, with file, line, field, reason and remedy. One row per record.",
    REJECTED,
)


class IngestConfig(Config):
    """Options of an ingest. By default it loads new files only."""

    replay_selection: ReplaySelection | None = Field(
        None, description="files to ingest again, in addition to new files"
    )


@multi_asset(
    specs=[
        INGESTED_FILES,
        REJECTED_RECORDS,
        *(_entity_spec(name, entities) for name, entities in _entities().items()),
    ],
    check_specs=[FOLDERS_ARE_KNOWN, ERASURES_MATCH],
)
def ingest(
    context: AssetExecutionContext, config: IngestConfig, settings: ResourceParam[Settings]
) -> Iterator[MaterializeResult | AssetCheckResult]:
    """Load the new files of landing into raw/. A file is loaded once, identified by its content."""
    try:
        result = run_ingest(settings, context.log.info, config.replay_selection)
    except (SettingsError, ReplayError, RawStoreError) as error:
        raise Failure(str(error)) from None
    ledger, rejected = ledger_folder(settings) / "*.parquet", settings.rejected_path / "*.parquet"
    names = ("ingested_files", *_entities())
    with duckdb.connect() as connection:
        rows = {
            name: _count_rows(connection, settings.raw_path / name / "**" / "*.parquet") for name in names
        } | {"rejected_records": _count_rows(connection, rejected)}
        files = last_files(connection, parquet(ledger))
        reasons = top_reasons(
            connection, f"(select *, (line is not null)::int as records_rejected from {parquet(rejected)})"
        )
    for name in names:
        totals = result.totals(name if name in _entities() else None)
        yield MaterializeResult(
            asset_key=_key(name),
            metadata={
                "batch": result.batch_id or "no new files",
                "files": totals.files,
                "records_read": totals.records_read,
                "records_accepted": totals.records_accepted,
                "records_rejected": totals.records_rejected,
                "dagster/row_count": rows[name],
            }
            | ({"files_of_latest_batch": MetadataValue.md(files)} if name == "ingested_files" else {}),
        )
    yield MaterializeResult(
        asset_key=_key("rejected_records"),
        metadata={
            "dagster/row_count": rows["rejected_records"],
            "most_frequent_reasons": MetadataValue.md(reasons),
        },
    )
    yield _warn(FOLDERS_ARE_KNOWN, result.skipped, "unknown folders and files")
    yield _warn(
        ERASURES_MATCH, erasure.list_warnings(settings, read_seeds(settings.seeds).erasures), "doubtful rows"
    )


def _warn(check: AssetCheckSpec, messages: list[str], noun: str) -> AssetCheckResult:
    return AssetCheckResult(
        check_name=check.name,
        asset_key=check.asset_key,
        passed=not messages,
        severity=AssetCheckSeverity.WARN,
        description="\n".join(messages) or None,
        metadata={
            "expected": check.description,
            "found": f"{len(messages)} {noun}",
            "examples": "\n".join(messages),
        },
    )


def _count_rows(connection: duckdb.DuckDBPyConnection, files: Path) -> int:
    """Return the number of rows in Parquet files, read from their footers."""
    rows = connection.execute(f"select sum(num_rows) from parquet_file_metadata({quoted(files)})")
    return rows.fetchone()[0]
