"""The outcome of a command as plain data, for the summary in JSON and the one on a terminal.

Belongs here: reading the ledger, Dagster's result and the release. Does not: wording and layout (see
`summary`).
"""

from dataclasses import asdict, dataclass
from typing import Any

import dagster as dg
import duckdb

from orchestration.common.disk import full_disk
from orchestration.common.sql import parquet
from orchestration.common.words import without_class
from orchestration.ingest.raw_store.ledger import REASON_TEXT, RawStoreError, explain_errors, ledger_folder
from orchestration.ingest.seeds import read_seeds
from orchestration.ingest.sources.local import find_files
from orchestration.publish.overview import KEY as OVERVIEW
from orchestration.publish.page.report import LINK, has_reports
from orchestration.publish.release import Release, current_release
from orchestration.quality.asset_checks import SPECS
from orchestration.run_output import RunOutput
from orchestration.settings import Settings, SettingsError

EXAMPLES = 8


@dataclass(frozen=True)
class Exports:
    """Totals of all ingested files.

    - `entities`: number of files, and of records read, accepted and rejected, by entity
    - `rejected`: messages and files of the latest rejections, at most `EXAMPLES` of `rejected_in_total`
    - `unknown_fields`: names by entity
    - `skipped`: a message for each file and folder of landing that is not read
    """

    entities: dict[str, dict[str, int]]
    rejected: list[tuple[str, str]]
    rejected_in_total: int
    unknown_fields: dict[str, list[str]]
    skipped: list[str]


def exports(settings: Settings) -> Exports | None:
    """Return the totals of all ingested files, None if there are none. Raises `RawStoreError`."""
    if not ledger_folder(settings).exists():
        return None
    ledger = parquet(ledger_folder(settings) / "*.parquet")
    rejects = parquet(settings.rejected_path / "*.parquet")
    with duckdb.connect() as connection, explain_errors(settings):
        by_entity = connection.execute(
            f"""
            select
                entity,
                count(*),
                sum(records_read)::bigint,
                sum(records_accepted)::bigint,
                sum(records_rejected)::bigint
            from {ledger}
            group by entity
            order by entity
            """
        ).fetchall()
        rejected = connection.execute(
            f"""
            select
                case when line is null then 'not loaded: ' else 'rejected: ' end
                || file || coalesce(', line ' || line, '') || ': ' || {REASON_TEXT} || '; ' || remedy,
                file
            from {rejects}
            order by line is not null, rejected_at desc, file, line
            """
        ).fetchmany(EXAMPLES)
        [in_total] = connection.execute(f"select count(*) from {rejects}").fetchone()
        unknown_fields = connection.execute(
            f"""
            select entity, list_sort(list(distinct field))
            from (select entity, unnest(unknown_fields) as field from {ledger})
            group by entity
            order by entity
            """
        ).fetchall()
    try:
        _, skipped = find_files(settings, read_seeds(settings.seeds).accounts)
    except SettingsError as error:
        skipped = [str(error)]
    columns = ("files", "read", "accepted", "rejected")
    return Exports(
        {entity: dict(zip(columns, figures, strict=True)) for entity, *figures in by_entity},
        rejected,
        in_total,
        dict(unknown_fields),
        skipped,
    )


def new_files(result: dg.ExecuteInProcessResult | None) -> int:
    """Return the number of files that the run ingested."""
    ledger = dg.AssetKey(["raw", "ingested_files"])
    events = result.get_asset_materialization_events() if result else []
    return sum(e.materialization.metadata["files"].value for e in events if e.asset_key == ledger)


@dataclass(frozen=True)
class Checks:
    """The checks of a run: the number that passed, in total and in the quality gate, and all others."""

    passed: int
    gate_passed: int
    failed: list[dict[str, str]]
    warned: list[dict[str, str]]


def checks(result: dg.ExecuteInProcessResult) -> Checks:
    """Return the checks of a run. Failed checks and warnings have name, expectation, finding and examples."""
    # The freshness of the release is printed with the release.
    evaluations = [e for e in result.get_asset_check_evaluations() if e.asset_key != OVERVIEW]
    gate = {spec.key for spec in SPECS}
    passed = [evaluation for evaluation in evaluations if evaluation.passed]
    others: dict[dg.AssetCheckSeverity, list[dict[str, str]]] = {s: [] for s in dg.AssetCheckSeverity}
    for check in evaluations:
        if not check.passed:
            details = {
                name: value.value
                for name, value in check.metadata.items()
                if name in ("expected", "found", "examples") and value.value
            }
            name = f"{check.asset_key.to_user_string()} {check.check_name}"
            others[check.severity].append({"check": name} | details)
    return Checks(
        len(passed),
        sum(check.asset_check_key in gate for check in passed),
        others[dg.AssetCheckSeverity.ERROR],
        others[dg.AssetCheckSeverity.WARN],
    )


def failures(settings: Settings, result: dg.ExecuteInProcessResult | None) -> list[dict[str, str]]:
    """Return the failed steps with their reasons."""
    found = []
    for event in result.get_step_failure_events() if result else []:
        error = event.step_failure_data.error
        cause = error.cause or error
        reason = full_disk(settings, cause.message) or without_class(cause.message)
        found.append({"step": event.step_key, "reason": reason})
    return found


def is_new(result: dg.ExecuteInProcessResult | None) -> bool:
    """Return whether the run published a release."""
    return bool(result) and any(event.step_key == "publish" for event in result.get_step_success_events())


def pages(settings: Settings, release: Release | None) -> list[str]:
    """Return the paths of the first page of the reports and of the status page; empty if not written."""
    if release is None or not has_reports(settings, release):
        return []
    return [str(settings.published_path / name) for name in (f"{LINK}/index.html", "status.html")]


def outcome(output: RunOutput, code: int) -> dict[str, Any]:
    """Return the summary of a command as plain data. It has the same keys if the command failed.

    - `succeeded`, `exit_code`, and the `error` because of which nothing was run, or null
    - `seconds`, and `stages` with name, outcome, seconds and counts; empty if there were no changes
    - `failures`: the failed steps with their reasons
    - `exports`, `checks`, `release`, `reports`: see `Exports`, `Checks`, `Release`; null without any
    """
    settings, result = output.settings, output.result
    summary: dict[str, Any] = {
        "succeeded": code == 0,
        "exit_code": code,
        "error": output.error,
        "seconds": output.seconds,
        "stages": [stage.as_dict() for stage in output.stages],
        "failures": [],
        "exports": None,
        "checks": None,
        "release": None,
        "reports": [],
    }
    if settings is None:
        return summary
    release = current_release(settings)
    try:
        ingested = exports(settings)
    except RawStoreError as error:
        ingested, summary["error"] = None, summary["error"] or str(error)
    if ingested:
        rejected = [message for message, _ in ingested.rejected]
        summary["exports"] = {"new_files": new_files(result)} | asdict(ingested) | {"rejected": rejected}
    if release:
        shown = ("release_id", "published_at", "data_through", "accounts", "rows", "code_version")
        summary["release"] = {"is_new": is_new(result)} | {name: getattr(release, name) for name in shown}
    return summary | {
        "failures": failures(settings, result),
        "checks": asdict(checks(result)) if result else None,
        "reports": pages(settings, release),
    }
