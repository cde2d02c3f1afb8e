"""The published tables as Dagster assets: all of them become one release, or none does.

Belongs here: what the assets are called, what a stakeholder reads about them, and when they may be published.
Does not: how a release is built (see `release`) and which checks allow it (see `verify`).
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta

import dagster as dg
import duckdb

from orchestration.glance import last_files, markdown_table, top_reasons
from orchestration.publish.release import TABLES, PublishError, Release, publish, reader
from orchestration.publish.verify import verify_checks
from orchestration.settings import Settings

DESCRIPTIONS = {
    "fct_conversations": "Every conversation: its origin, who handled it, how long it took, its rating.",
    "agg_by_agent": "Each agent's day: conversations, messages sent, times and ratings; Unassigned included.",
    "agg_by_tag": "Each tag's day: why people write. A conversation with two tags counts in both.",
    "csat_summary": "Each day's surveys: sent, answered, satisfied, dissatisfied, by origin and agent.",
    "agg_overview": "Each day's conversations, messages, times and ratings, by origin.",
    "agg_by_hour": "When people write: conversations and messages by weekday and hour of the local clock.",
    "agg_delivery": "Each day's outbound messages: sent, delivered, read, failed, by template and price.",
    "fct_messages": "Every message: when, in which direction, sent by whom. Never what it said.",
    "dim_agents": "The agents by name, role and team.",
    "dim_contacts": "The contacts, each under a keyed hash, with their tags. No names, no numbers.",
    "bridge_conversation_tags": "Which conversation carries which tag.",
    "ingested_files": "Every file that was taken in: what it held, what was accepted and what was rejected.",
    "rejected_records": "Why records were refused, counted by file and reason. Never what they say.",
}
PREVIEW_DAYS = 28
PREVIEW = """
select conversations, messages, distinct_contacts as contacts,
    round(first_response_median / 60) as response_minutes, round(duration_median / 3600, 1) as duration_hours,
    round(csat_avg, 2) as rating, csat_n as ratings
from report_overview(?::date - ?::integer, ?)
"""
GLANCES = {"ingested_files": last_files, "rejected_records": top_reasons}


def build_publish_assets(
    settings: Settings, checked: Iterable[dg.AssetsDefinition], fingerprint: Callable[[Settings], str]
) -> dg.AssetsDefinition:
    """Return the assets `published/<table>`, guarded by every check that the definitions `checked` declare.

    `fingerprint` returns what stands for the data and the code that the warehouse was built of.
    """
    checks = [spec for definition in checked for spec in definition.check_specs]
    marts = {table: dg.AssetKey(["marts", table]) for table in TABLES}

    @dg.multi_asset(
        name="publish",
        specs=[
            dg.AssetSpec(
                ["published", table],
                deps=[marts[table]],
                description=DESCRIPTIONS[table],
                group_name="published",
                kinds={"duckdb", "parquet"},
                owners=["team:data"],
                freshness_policy=_freshness(settings),
            )
            for table in TABLES
        ],
        pool="warehouse",
    )
    def publish_release(
        context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]
    ) -> Iterator[dg.MaterializeResult]:
        try:
            passed = verify_checks(context.instance, checks, marts.values())
            files, stands_for = _source_files(settings), fingerprint(settings)
            release = publish(settings, passed, files, stands_for, progress=context.log.info)
        except (PublishError, duckdb.Error) as error:
            raise dg.Failure(str(error)) from None
        with reader(settings) as connection:
            metadata = {table: _metadata(settings, release, table, connection) for table in TABLES}
        for table in TABLES:
            yield dg.MaterializeResult(asset_key=["published", table], metadata=metadata[table])

    return publish_release


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
    if table == "agg_overview" and release.data_through:
        metadata["preview"] = dg.MetadataValue.md(_preview(connection, release.data_through[:10]))
    if table in GLANCES:
        metadata["preview"] = dg.MetadataValue.md(GLANCES[table](connection, table))
    return metadata


def _columns(connection: duckdb.DuckDBPyConnection, table: str) -> dg.TableSchema:
    columns = connection.execute(
        "select column_name, data_type, comment from duckdb_columns()"
        " where database_name = 'reports' and table_name = ? order by column_index",
        [table],
    ).fetchall()
    return dg.TableSchema([dg.TableColumn(name, kind, comment) for name, kind, comment in columns])


def _preview(connection: duckdb.DuckDBPyConnection, last_day: str) -> str:
    """Return the headline figures of the last days as a Markdown table."""
    result = connection.execute(PREVIEW, [last_day, PREVIEW_DAYS - 1, last_day])
    figures = markdown_table([column[0] for column in result.description], result.fetchall())
    return f"The {PREVIEW_DAYS} days to {last_day}\n\n{figures}"
