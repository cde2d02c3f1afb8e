"""The published tables as Dagster assets: all of them become one release, or none does; then its report.

Belongs here: the names of the assets, what a stakeholder reads about them, and when they may be published.
Does not: how a release is built (see `build`) and which checks allow it (see `preconditions`).
"""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import duckdb

from orchestration.common.markdown import last_files, top_reasons
from orchestration.publish.page.periods import last_day
from orchestration.publish.page.report import LINK, has_reports, write_reports
from orchestration.publish.page.sending import send_reports
from orchestration.publish.preconditions import verify_candidate, verify_checks
from orchestration.publish.previews import measure_weeks, preview
from orchestration.publish.reader import FILE, reader
from orchestration.publish.release import PublishError, Release, current_release
from orchestration.publish.store import publish
from orchestration.publish.tables import PUBLISHED, TABLES
from orchestration.settings import Settings
from orchestration.warehouse.candidate import CandidateHeldError, wait_until_free

OVERVIEWS = {"ingested_files": last_files, "rejected_records": top_reasons}


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
                description=description,
                group_name="published",
                kinds={"duckdb", "parquet"},
                owners=["team:data"],
                freshness_policy=_freshness(settings),
            )
            for table, description in PUBLISHED.items()
        ],
    )
    def publish_release(
        context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]
    ) -> Iterator[dg.MaterializeResult]:
        try:
            wait_until_free(settings, context.log.info, read_only=True)
            build = verify_candidate(settings)
            passed = verify_checks(context.instance, checks, marts.values(), build.build_id)
            release = publish(settings, passed, context.log.info)
        except (PublishError, CandidateHeldError, duckdb.Error) as error:
            raise dg.Failure(str(error)) from None
        last = max(filter(None, map(last_day, release.accounts.values())), default=None)
        with reader(settings) as connection:
            if last:
                measure_weeks(connection, last)
            metadata = {
                table: _metadata(settings, release, table, connection, last) for table in release.rows
            }
        for table, entries in metadata.items():
            yield dg.MaterializeResult(asset_key=["published", table], metadata=entries)

    return publish_release


def build_report_asset(settings: Settings) -> dg.AssetsDefinition:
    """Return the asset `published/report`, made when all tables of a release are published."""

    @dg.asset(
        key=["published", "report"],
        deps=[["published", table] for table in PUBLISHED],
        description="The reports to send: a page for each account, period and language that opens anywhere,"
        " without a network. *sent*: to how many of the addresses of CONVERSATIONS_REPORT_URLS.",
        group_name="published",
        kinds={"html"},
        owners=["team:data"],
        freshness_policy=_freshness(settings),
    )
    def report(
        context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]
    ) -> dg.MaterializeResult:
        release = current_release(settings)
        is_new = release is not None and not has_reports(settings, release)
        try:
            pages = write_reports(settings)
        except (PublishError, duckdb.Error, OSError) as error:
            raise dg.Failure(str(error)) from None
        context.log.info(f"Wrote the reports of {', '.join(pages)}")
        sent = (
            send_reports(settings, list(pages.values())) if is_new else "not again: the reports are not new"
        )
        if settings.report_urls:
            context.log.info(f"Sent the reports {sent}")
        return dg.MaterializeResult(
            metadata={account: dg.MetadataValue.path(path) for account, path in pages.items()}
            | {
                "pages": dg.MetadataValue.int(len(list((settings.published_path / LINK).glob("*.html")))),
                "sent": dg.MetadataValue.text(sent),
            }
        )

    return report


def _freshness(settings: Settings) -> dg.FreshnessPolicy:
    fail, warn = settings.stale_error_after_hours, settings.stale_after_hours
    return dg.FreshnessPolicy.time_window(
        fail_window=timedelta(hours=fail), warn_window=timedelta(hours=warn) if warn < fail else None
    )


def _metadata(
    settings: Settings,
    release: Release,
    table: str,
    connection: duckdb.DuckDBPyConnection,
    last: date | None,
) -> dict[str, dg.MetadataValue]:
    metadata = {
        "dagster/row_count": dg.MetadataValue.int(release.rows[table]),
        "dagster/column_schema": dg.MetadataValue.table_schema(_columns(connection, table)),
        "release": dg.MetadataValue.text(release.release_id),
        "data_through": dg.MetadataValue.text(release.data_through or "no messages yet"),
        "path": dg.MetadataValue.path(_path(settings, release, table)),
    }
    if table in OVERVIEWS:
        return metadata | {"preview": dg.MetadataValue.md(OVERVIEWS[table](connection, table))}
    shown = preview(connection, table, last) if last else None
    return metadata | ({"preview": dg.MetadataValue.md(shown)} if shown else {})


def _path(settings: Settings, release: Release, table: str) -> Path:
    """Return where the rows of a table are: its Parquet or, without Parquet, the release's file."""
    if release.parquet is None:
        return settings.published_path / release.folder / FILE
    return settings.published_path / release.parquet / f"{table}.parquet"


def _columns(connection: duckdb.DuckDBPyConnection, table: str) -> dg.TableSchema:
    columns = connection.execute(
        "select column_name, data_type, comment from duckdb_columns()"
        " where database_name = 'reports' and schema_name = 'main' and table_name = ? order by column_index",
        [table],
    ).fetchall()
    return dg.TableSchema([dg.TableColumn(name, kind, comment) for name, kind, comment in columns])
