"""The raw assets: one for each entity, all of them filled by one ingest.

Belongs here: what Dagster shows and checks of the ingest. Does not: the ingest itself (`run`).
"""

from collections.abc import Iterator

import duckdb
from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetSpec,
    Failure,
    MaterializeResult,
    ResourceParam,
    TableColumn,
    TableSchema,
    multi_asset,
)

from orchestration.ingest.ledger import LEDGER
from orchestration.ingest.platforms import PLATFORMS
from orchestration.ingest.records import raw_columns
from orchestration.ingest.run import ingest as run_ingest
from orchestration.ingest.schema import Entity
from orchestration.quoting import quoted
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


INGESTED_FILES = _spec(
    "ingested_files",
    "Every file that was taken in: what it held, what was accepted and rejected, and when. One row per file.",
    LEDGER,
)


@multi_asset(
    specs=[INGESTED_FILES, *(_entity_spec(name, entities) for name, entities in _entities().items())],
    check_specs=[FOLDERS_KNOWN],
)
def ingest(
    context: AssetExecutionContext, settings: ResourceParam[Settings]
) -> Iterator[MaterializeResult | AssetCheckResult]:
    """Load the new files of landing into raw/; each file once, by its content."""
    try:
        result = run_ingest(settings, context.log.info)
    except SettingsError as error:
        raise Failure(str(error)) from None
    for name in ("ingested_files", *_entities()):
        totals = result.totals(name if name in _entities() else None)
        yield MaterializeResult(
            asset_key=_key(name),
            metadata={
                "batch": result.batch_id or "nothing new",
                "files": totals.files,
                "records_read": totals.records_read,
                "records_accepted": totals.records_accepted,
                "records_rejected": totals.records_rejected,
                "dagster/row_count": _count_rows(settings, name),
            },
        )
    yield AssetCheckResult(
        check_name=FOLDERS_KNOWN.name,
        asset_key=FOLDERS_KNOWN.asset_key,
        passed=not result.refused,
        severity=AssetCheckSeverity.WARN,
        description="\n".join(result.refused) or None,
        metadata={
            "expected": FOLDERS_KNOWN.description,
            "found": f"{len(result.refused)} not loaded",
            "examples": "\n".join(result.refused),
        },
    )


def _count_rows(settings: Settings, entity: str) -> int:
    """Count the rows of an entity's raw files, from their footers."""
    files = quoted(str(settings.raw_path / entity / "**" / "*.parquet"))
    with duckdb.connect() as con:
        return con.execute(f"SELECT sum(num_rows) FROM parquet_file_metadata({files})").fetchone()[0]
