"""The raw assets: one for each entity, all of them filled by one ingest.

Belongs here: what Dagster shows and checks of the ingest. Does not: the ingest itself (`run`).
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
from orchestration.ingest.raw_store.replay import Again, ReplayError
from orchestration.ingest.seeds import read_seeds
from orchestration.settings import Settings, SettingsError

OWNERS = ["team:data"]

landing = AssetSpec(
    "landing",
    description="The export files as the platform gave them: landing/<account>/<entity>/. Only ever read.",
    group_name="landing",
    kinds={"file"},
    owners=OWNERS,
)


def _entities() -> dict[str, list[Entity]]:
    """Return the entities by name; platforms may share one."""
    entities: dict[str, list[Entity]] = {}
    for platform in PLATFORMS.values():
        for entity in platform.entities:
            entities.setdefault(entity.name, []).append(entity)
    return entities


def _key(entity: str) -> AssetKey:
    return AssetKey(["raw", entity])


def _entity_spec(name: str, entities: list[Entity]) -> AssetSpec:
    columns = {column: kind for entity in entities for column, kind in raw_columns(entity).items()}
    return _spec(
        name, f"{entities[0].description} As exported: one row for each record of each file.", columns
    )


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


FOLDERS_KNOWN = AssetCheckSpec(
    "every_folder_is_known",
    asset=_key("conversations"),
    description="Every folder and file of landing has its place: a known account, an entity of its platform.",
)

ERASURES_MET = AssetCheckSpec(
    "every_erasure_meets_a_contact",
    asset=_key("contacts"),
    description="Every line of seed erasures.csv names a contact that was taken in, and no file is named so.",
)


INGESTED_FILES = _spec(
    "ingested_files",
    "Every file that was taken in: what it held, what was accepted and rejected, and when."
    " One row per file and entity.",
    LEDGER,
)

REJECTED_RECORDS = _spec(
    "rejected_records",
    "Everything that was refused, with file, line, field, reason and what to do. One row per record.",
    REJECTED,
)


class IngestConfig(Config):
    """What an ingest does beyond loading what is new."""

    again: Again | None = Field(None, description="files to read again; without it, only what is new is read")


@multi_asset(
    specs=[
        INGESTED_FILES,
        REJECTED_RECORDS,
        *(_entity_spec(name, entities) for name, entities in _entities().items()),
    ],
    check_specs=[FOLDERS_KNOWN, ERASURES_MET],
)
def ingest(
    context: AssetExecutionContext, config: IngestConfig, settings: ResourceParam[Settings]
) -> Iterator[MaterializeResult | AssetCheckResult]:
    """Load the new files of landing into raw/; each file once, by its content."""
    try:
        result = run_ingest(settings, context.log.info, config.again)
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
                "batch": result.batch_id or "nothing new",
                "files": totals.files,
                "records_read": totals.records_read,
                "records_accepted": totals.records_accepted,
                "records_rejected": totals.records_rejected,
                "dagster/row_count": rows[name],
            }
            | ({"files_of_the_last_batch": MetadataValue.md(files)} if name == "ingested_files" else {}),
        )
    yield MaterializeResult(
        asset_key=_key("rejected_records"),
        metadata={
            "dagster/row_count": rows["rejected_records"],
            "most_frequent_reasons": MetadataValue.md(reasons),
        },
    )
    yield _warned(FOLDERS_KNOWN, result.skipped, "without a place")
    yield _warned(ERASURES_MET, erasure.doubts(settings, read_seeds(settings.seeds).erasures), "in doubt")


def _warned(check: AssetCheckSpec, complaints: list[str], what: str) -> AssetCheckResult:
    return AssetCheckResult(
        check_name=check.name,
        asset_key=check.asset_key,
        passed=not complaints,
        severity=AssetCheckSeverity.WARN,
        description="\n".join(complaints) or None,
        metadata={
            "expected": check.description,
            "found": f"{len(complaints)} {what}",
            "examples": "\n".join(complaints),
        },
    )


def _count_rows(connection: duckdb.DuckDBPyConnection, files: Path) -> int:
    """Count the rows of Parquet files, from their footers."""
    rows = connection.execute(f"select sum(num_rows) from parquet_file_metadata({quoted(files)})")
    return rows.fetchone()[0]
