"""What is published as Dagster assets: all tables become one release, or none does; then its report.

Belongs here: what the assets are called, what a stakeholder reads about them, and when they may be published.
Does not: how a release is built (see `release`) and which checks allow it (see `verify`).
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta

import dagster as dg
import duckdb

from orchestration.common.markdown import last_files, top_reasons
from orchestration.publish.page.periods import last_day
from orchestration.publish.page.report import write_reports
from orchestration.publish.preconditions import verify_checks
from orchestration.publish.previews import preview
from orchestration.publish.release import PublishError, Release, publish, reader
from orchestration.publish.tables import QUALITY_RESULTS, TABLES
from orchestration.settings import Settings
from orchestration.warehouse.candidate import CandidateHeldError, read_built, wait_until_free

DESCRIPTIONS = {
    "fct_conversations": "Every conversation: its origin, who handled it, how long it took, its rating.",
    "agg_by_agent": "Each agent's day: conversations, messages sent, times and ratings; Unassigned included.",
    "agg_by_tag": "Each tag's day: why people write. A conversation with two tags counts in both.",
    "csat_summary": "Each day's surveys: sent, answered, satisfied, dissatisfied, by origin and agent.",
    "agg_overview": "Each day's conversations, messages, times and ratings, by origin.",
    "agg_by_hour": "When people write: conversations and messages by weekday and hour of the local clock.",
    "agg_delivery": "Each day's outbound messages: sent, delivered, read, failed, by template and price.",
    "fct_messages": "Every message: when, in which direction, sent by whom. Never what it said.",
    "fct_conversation_events": "What happened to conversations: assigned, handed off, closed, reopened.",
    "dim_agents": "The agents by name, role and team.",
    "dim_contacts": "The contacts, each under a keyed hash, with their tags. No names, no numbers.",
    "bridge_conversation_tags": "Which conversation carries which tag.",
    "ingested_files": "Every file that was taken in: what it held, what was accepted and what was rejected.",
    "quality_results": "What the checks of every run found, of runs too that were not published.",
    "rejected_records": "Why records were refused, counted by file and reason. Never what they say.",
}
GLANCES = {"ingested_files": last_files, "rejected_records": top_reasons}


def build_publish_assets(settings: Settings, checked: Iterable[dg.AssetsDefinition]) -> dg.AssetsDefinition:
    """Return the assets `published/<table>`, guarded by every check that these definitions declare."""
    checks = [spec for definition in checked for spec in definition.check_specs]
    marts = {table: dg.AssetKey(["marts", table]) for table in TABLES}

    @dg.multi_asset(
        name="publish",
        specs=[
            dg.AssetSpec(
                ["published", table],
                deps=[marts[table]] if table in marts else list(marts.values()),
                description=DESCRIPTIONS[table],
                group_name="published",
                kinds={"duckdb", "parquet"},
                owners=["team:data"],
                freshness_policy=_freshness(settings),
            )
            for table in (*TABLES, QUALITY_RESULTS)
        ],
        pool="warehouse",
    )
    def publish_release(
        context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]
    ) -> Iterator[dg.MaterializeResult]:
        try:
            passed = verify_checks(context.instance, checks, marts.values())
            wait_until_free(settings, context.log.info, read_only=True)
            files, built = _source_files(settings), read_built(settings)
            stands_for, base = (built.fingerprint, built.base) if built else ("", None)
            release = publish(settings, passed, files, stands_for, context.log.info, base)
        except (PublishError, CandidateHeldError, duckdb.Error) as error:
            raise dg.Failure(str(error)) from None
        with reader(settings) as connection:
            metadata = {table: _metadata(settings, release, table, connection) for table in release.rows}
        for table, told in metadata.items():
            yield dg.MaterializeResult(asset_key=["published", table], metadata=told)

    return publish_release


def build_report_asset(settings: Settings) -> dg.AssetsDefinition:
    """Return the asset `published/report`, made when all tables of a release are published."""

    @dg.asset(
        key=["published", "report"],
        deps=[["published", table] for table in (*TABLES, QUALITY_RESULTS)],
        description="The report to send: a page for each account that opens anywhere, without a network.",
        group_name="published",
        kinds={"html"},
        owners=["team:data"],
        pool="warehouse",
        freshness_policy=_freshness(settings),
    )
    def report(
        context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]
    ) -> dg.MaterializeResult:
        try:
            pages = write_reports(settings)
        except (PublishError, duckdb.Error, OSError) as error:
            raise dg.Failure(str(error)) from None
        context.log.info(f"Wrote the report ({settings.report_period}) of {', '.join(pages)}")
        return dg.MaterializeResult(
            metadata={account: dg.MetadataValue.path(path) for account, path in pages.items()}
        )

    return report


def _freshness(settings: Settings) -> dg.FreshnessPolicy:
    fail, warn = settings.stale_error_after_hours, settings.stale_after_hours
    return dg.FreshnessPolicy.time_window(
        fail_window=timedelta(hours=fail), warn_window=timedelta(hours=warn) if warn < fail else None
    )


def _source_files(settings: Settings) -> int:
    with duckdb.connect(settings.warehouse_path, read_only=True) as connection:
        files = connection.execute("select count(distinct file_id) from staging.stg_ingest__files")
        return files.fetchone()[0]


def _metadata(
    settings: Settings, release: Release, table: str, connection: duckdb.DuckDBPyConnection
) -> dict[str, dg.MetadataValue]:
    metadata = {
        "dagster/row_count": dg.MetadataValue.int(release.rows[table]),
        "dagster/column_schema": dg.MetadataValue.table_schema(_columns(connection, table)),
        "release": dg.MetadataValue.text(release.release_id),
        "data_through": dg.MetadataValue.text(release.data_through or "no messages yet"),
        "path": dg.MetadataValue.path(settings.published_path / release.parquet / f"{table}.parquet"),
    }
    if table in GLANCES:
        return metadata | {"preview": dg.MetadataValue.md(GLANCES[table](connection, table))}
    last = max(filter(None, map(last_day, release.accounts.values())), default=None)
    shown = preview(connection, table, last) if last else None
    return metadata | ({"preview": dg.MetadataValue.md(shown)} if shown else {})


def _columns(connection: duckdb.DuckDBPyConnection, table: str) -> dg.TableSchema:
    columns = connection.execute(
        "select column_name, data_type, comment from duckdb_columns()"
        " where database_name = 'reports' and table_name = ? order by column_index",
        [table],
    ).fetchall()
    return dg.TableSchema([dg.TableColumn(name, kind, comment) for name, kind, comment in columns])
