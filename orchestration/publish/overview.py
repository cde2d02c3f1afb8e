"""The overview asset of a release in Dagster: freshness, tables, checks and the next scheduled run.

Belongs here: the content of the asset. Does not: the verdict (see `freshness`), the checks (`quality`), nor
how often the asset is updated (`automation`).
"""

import json
import logging
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from urllib.parse import urljoin, urlsplit
from zoneinfo import ZoneInfo

import dagster as dg
import duckdb

from orchestration.common.markdown import markdown_table
from orchestration.dagster_ext.check_history import latest_evaluation
from orchestration.publish.freshness import (
    ENGLISH,
    FRESH,
    STALE,
    Freshness,
    check_freshness,
    next_run,
    next_run_text,
)
from orchestration.publish.page.report import LINK, index_name, page_link
from orchestration.publish.page.status import STATUS, write_status
from orchestration.publish.tables import PUBLISHED
from orchestration.settings import Settings

KEY = dg.AssetKey(["published", "overview"])
GROUP = "about_the_release"  # sorts before the groups of all layers
CHECK = "is_fresh"
MARKDOWN = ("accounts", "tables")
MAX_REASONS = 5  # in a line

log = logging.getLogger(__name__)


def build_overview(checked: Iterable[dg.AssetsDefinition]) -> dg.AssetsDefinition:
    """Return the asset `published/overview` with its check `is_fresh`, the verdict on the release.

    `checked` has the definitions with the checks of the marts.
    """
    specs = [spec for definition in checked for spec in definition.check_specs]

    @dg.asset(
        key=KEY,
        deps=[["published", table] for table in [*PUBLISHED, "report"]],
        description="Start here. *verdict*: whether the release is fresh, late or stale, the worst of all"
        " accounts, and why; *accounts* has the verdict on each, *tables* the rows and checks of each table.",
        group_name=GROUP,
        kinds={"markdown"},
        owners=["team:data"],
        tags={"start_here": ""},
        check_specs=[
            dg.AssetCheckSpec(
                CHECK,
                asset=KEY,
                description="The release and the data of every account are recent. Late is a warning, stale a"
                " failure.",
            )
        ],
    )
    def overview_of_the_release(
        context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]
    ) -> dg.MaterializeResult:
        freshness, checks = check_freshness(settings), _checks(context.instance, specs)
        run = next_run(settings, context.instance)
        shown, evaluation = overview(settings, freshness, checks, run), evaluate(freshness)
        _write_status(settings, freshness, checks, run)
        return dg.MaterializeResult(
            metadata=_metadata(settings, shown),
            check_results=[
                dg.AssetCheckResult(
                    check_name=CHECK,
                    passed=evaluation.passed,
                    severity=evaluation.severity,
                    description=evaluation.description,
                )
            ],
        )

    return overview_of_the_release


def report(
    settings: Settings, instance: dg.DagsterInstance, checked: Iterable[dg.AssetsDefinition], cursor: str
) -> str:
    """Update the asset, its check and the status page outside a run if a text changed. Return the cursor.

    A release becomes stale without a run, and a failed run does not materialize the overview.
    """
    specs = [spec for definition in checked for spec in definition.check_specs]
    freshness, checks, run = check_freshness(settings), _checks(instance, specs), next_run(settings, instance)
    shown = overview(settings, freshness, checks, run)
    if json.dumps(shown) != cursor:
        _write_status(settings, freshness, checks, run)
        metadata = _metadata(settings, shown)
        instance.report_runless_asset_event(dg.AssetMaterialization(KEY, metadata=metadata))
        instance.report_runless_asset_event(evaluate(freshness))
    return json.dumps(shown)


def evaluate(freshness: Freshness) -> dg.AssetCheckEvaluation:
    """Return the verdict on a release as the result of the check `is_fresh`."""
    return dg.AssetCheckEvaluation(
        asset_key=KEY,
        check_name=CHECK,
        passed=freshness.verdict == FRESH,
        severity=dg.AssetCheckSeverity.ERROR if freshness.verdict == STALE else dg.AssetCheckSeverity.WARN,
        description=_verdict(freshness),
    )


def overview(
    settings: Settings, freshness: Freshness, checks: dict[str, str], run: datetime | None
) -> dict[str, str]:
    """Return the metadata of the asset by name; `accounts` and `tables` are Markdown.

    `checks` has the outcome of the last checks by table, and `run` is the time of the next scheduled run. The
    UI shows texts directly and Markdown after a click. The texts do not change while the state is the same.
    """
    shown = {"verdict": _verdict(freshness), "next_run": next_run_text(settings, run)}
    release = freshness.release
    if release is None:
        return shown
    published = datetime.fromisoformat(release.published_at).astimezone(ZoneInfo(settings.time_zone))
    failed = _failed(checks)
    accounts = [
        (
            account.account_id,
            account.verdict,
            ENGLISH.moment(account.data_through) if account.data_through else None,
            ENGLISH.moment(account.published_at),
            account.time_zone,
        )
        for account in freshness.accounts
    ]
    tables = [(table, rows, checks.get(table, "no checks")) for table, rows in release.rows.items()]
    return shown | {
        "release": f"{release.release_id}, published {ENGLISH.moment(published)} ({settings.time_zone})",
        "checks": f"The last checks FAILED on {', '.join(failed)}: this release stays until they pass."
        if failed
        else ", ".join(f"{len(names)} {outcome}" for outcome, names in release.checks.items()),
        "accounts": markdown_table(
            ("account", "verdict", "data through", "published", "time zone"), accounts
        ),
        "tables": markdown_table(("table", "rows", "checks"), tables),
    }


def _verdict(freshness: Freshness) -> str:
    reasons = freshness.reasons()
    more = [f"And {len(reasons) - MAX_REASONS} more."] if len(reasons) > MAX_REASONS else []
    return " ".join([freshness.verdict + (":" if reasons else ""), *reasons[:MAX_REASONS], *more])


def _checks(instance: dg.DagsterInstance, specs: Iterable[dg.AssetCheckSpec]) -> dict[str, str]:
    """Return the outcome of the latest evaluation of the checks of each mart, as a text."""
    outcomes: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for spec in specs:
        evaluation = latest_evaluation(instance, spec.key)
        if evaluation is None:
            outcome = "not run"
        elif evaluation.passed:
            outcome = "passed"
        else:
            outcome = "warned" if evaluation.severity is dg.AssetCheckSeverity.WARN else "FAILED"
        outcomes[spec.asset_key.path[-1]][outcome].append(spec.name)
    return {table: _counted(found) for table, found in outcomes.items()}


def _counted(outcomes: dict[str, list[str]]) -> str:
    total = sum(map(len, outcomes.values()))
    parts = [f"{len(outcomes['passed'])} of {total} passed"]
    parts += [f"{kind}: {', '.join(outcomes[kind])}" for kind in ("FAILED", "warned") if outcomes[kind]]
    if outcomes["not run"]:
        parts.append(f"{len(outcomes['not run'])} not run")
    return "; ".join(parts)


def _failed(checks: dict[str, str]) -> list[str]:
    return [table for table, outcome in checks.items() if "FAILED" in outcome]


def _write_status(
    settings: Settings, freshness: Freshness, checks: dict[str, str], run: datetime | None
) -> None:
    try:
        write_status(settings, freshness, run, _failed(checks))
    except (OSError, duckdb.Error) as error:  # the overview in Dagster does not need the page
        log.warning("The status page could not be written: %s", error)


def _metadata(settings: Settings, shown: dict[str, str]) -> dict[str, dg.MetadataValue]:
    return {
        name: dg.MetadataValue.md(text) if name in MARKDOWN else dg.MetadataValue.text(text)
        for name, text in shown.items()
    } | {
        "pages": dg.MetadataValue.url(page_link(settings)),
        "reports": _place(settings, f"{LINK}/{index_name('en')}"),
        "status": _place(settings, index_name("en", STATUS)),
    }


def _place(settings: Settings, file: str) -> dg.MetadataValue:
    """Return the URL of a published file if a proxy serves it next to the report pages, else its path."""
    if urlsplit(settings.report_url).path.strip("/"):
        return dg.MetadataValue.url(urljoin(settings.report_url.rstrip("/"), file))
    return dg.MetadataValue.path(settings.published_path / file)
