"""The overview of a release: which tables are fresh, the time of their latest data, which checks passed.

Belongs here: what a stakeholder who opens Dagster sees of the release as a whole, and whether it is fresh.
Does not: what is checked (`quality`), nor how often this is looked at (`automation`).
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg

from orchestration.common.markdown import markdown_table, markdown_text
from orchestration.dagster_ext.check_history import latest_evaluation
from orchestration.publish.release import Release, current_release, was_published
from orchestration.publish.tables import PUBLISHED
from orchestration.settings import Settings

KEY = dg.AssetKey(["published", "at_a_glance"])
FRESH = "is_fresh"


def build_overview(
    settings: Settings, checked: Iterable[dg.AssetsDefinition]
) -> tuple[dg.AssetsDefinition, dg.AssetChecksDefinition]:
    """Return the asset `published/at_a_glance`, and the check of every published table that it is fresh.

    `checked` are the definitions that declare the checks of the marts.
    """
    specs = [spec for definition in checked for spec in definition.check_specs]
    tables = PUBLISHED

    @dg.asset(
        key=KEY,
        deps=[["published", table] for table in tables],
        description="Start here: which tables are fresh, when they were last published, the time"
        " of their latest data and which checks passed. *Metadata* has a line for each table; *overview* has"
        " all of it as one table.",
        group_name="published",
        kinds={"markdown"},
        owners=["team:data"],
        tags={"start_here": ""},
    )
    def at_a_glance(
        context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]
    ) -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata=_metadata(overview(settings, context.instance, specs)))

    @dg.multi_asset_check(
        name="freshness",
        specs=[
            dg.AssetCheckSpec(
                FRESH,
                asset=["published", table],
                description=f"Published less than {settings.stale_after_hours:g} hours ago; a failure from"
                f" {settings.stale_error_after_hours:g} hours on.",
            )
            for table in tables
        ],
        can_subset=True,
    )
    def freshness(
        context: dg.AssetCheckExecutionContext, settings: dg.ResourceParam[Settings]
    ) -> Iterator[dg.AssetCheckResult]:
        for evaluation in evaluate_freshness(settings):
            if evaluation.asset_check_key in context.selected_asset_check_keys:
                yield dg.AssetCheckResult(
                    asset_key=evaluation.asset_key,
                    check_name=evaluation.check_name,
                    passed=evaluation.passed,
                    severity=evaluation.severity,
                    description=evaluation.description,
                    metadata=evaluation.metadata,
                )

    return at_a_glance, freshness


def report(
    settings: Settings, instance: dg.DagsterInstance, checked: Iterable[dg.AssetsDefinition], cursor: str
) -> str:
    """Bring what Dagster shows up to date without a run, where it says anything else; return the new cursor.

    Time makes a table old without any run, and a run that failed comes to no overview.
    """
    specs = [spec for definition in checked for spec in definition.check_specs]
    shown = overview(settings, instance, specs)
    evaluations = evaluate_freshness(settings)
    states = [[evaluation.passed, evaluation.severity.value] for evaluation in evaluations]
    before = json.loads(cursor or "{}")
    if shown != before.get("shown"):
        instance.report_runless_asset_event(dg.AssetMaterialization(KEY, metadata=_metadata(shown)))
    if states != before.get("states"):
        for evaluation in evaluations:
            instance.report_runless_asset_event(evaluation)
    return json.dumps({"shown": shown, "states": states})


def evaluate_freshness(settings: Settings, now: datetime | None = None) -> list[dg.AssetCheckEvaluation]:
    """Return of every published table whether it was published lately enough."""
    release = current_release(settings)
    return [_evaluate(settings, table, release, now or datetime.now(UTC)) for table in PUBLISHED]


def overview(
    settings: Settings,
    instance: dg.DagsterInstance,
    specs: Iterable[dg.AssetCheckSpec],
    now: datetime | None = None,
) -> dict[str, str]:
    """Return what is shown, by its name: `release`, a line for each table, and `overview`, all as Markdown.

    The UI shows lines at once and Markdown on a click. The texts are the same as long as nothing has changed.
    """
    now = now or datetime.now(UTC)
    release = current_release(settings)
    if release is None:
        damaged = "The release cannot be read: run again, or go back by make rollback."
        return {"release": damaged if was_published(settings) else "Nothing is published yet."}
    checks = _checks(instance, specs)
    published, through = _shown(release.published_at), _shown(release.data_through)
    old = release.old_accounts(settings.stale_after_hours, now)
    state = _state(settings, release, now)
    rows = [
        (
            table,
            state,
            published,
            f"{through} (old)" if old else through,
            count,
            checks.get(table, "no checks"),
        )
        for table, count in release.rows.items()
    ]
    parts = [f"{release.release_id}, published {published}, data through {through}."]
    failed = [table for table, outcome in checks.items() if "FAILED" in outcome]
    if failed:
        parts.append(f"The last checks FAILED on {', '.join(failed)}: this release stays until they pass.")
    if old:
        ends = ", ".join(f"{markdown_text(account)} ({_shown(end)})" for account, end in old.items())
        parts.append(f"Data more than {settings.stale_after_hours:g} hours old: {ends}.")
    table = markdown_table(("table", "is", "published", "data through", "rows", "checks"), rows)
    return {
        "release": " ".join(parts),
        "overview": f"Release {' '.join(parts)}\n\n{table}",
        **{
            name: f"{state}, published {published}, data through {through}; {count:,} rows; checks: {outcome}"
            for name, state, published, through, count, outcome in rows
        },
    }


def _evaluate(
    settings: Settings, table: str, release: Release | None, now: datetime
) -> dg.AssetCheckEvaluation:
    if release is None or table not in release.rows:
        state, description, metadata = "never published", f"{table} was never published.", {}
    else:
        state = _state(settings, release, now)
        description = (
            f"Published {_shown(release.published_at)}, data through {_shown(release.data_through)}."
        )
        metadata = {"release": release.release_id, "data_through": release.data_through or "no messages yet"}
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(["published", table]),
        check_name=FRESH,
        passed=state == "fresh",
        severity=dg.AssetCheckSeverity.WARN if state == "old" else dg.AssetCheckSeverity.ERROR,
        description=description,
        metadata={"is": dg.MetadataValue.text(state)} | metadata,
    )


def _state(settings: Settings, release: Release, now: datetime) -> str:
    age = timedelta(hours=_hours(release.published_at, now))
    if age >= timedelta(hours=settings.stale_error_after_hours):
        return "stale"
    return "old" if age >= timedelta(hours=settings.stale_after_hours) else "fresh"


def _checks(instance: dg.DagsterInstance, specs: Iterable[dg.AssetCheckSpec]) -> dict[str, str]:
    """Return of each mart how its checks came out when they last ran."""
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


def _metadata(shown: dict[str, str]) -> dict[str, dg.MetadataValue]:
    return {
        name: dg.MetadataValue.md(text) if name == "overview" else dg.MetadataValue.text(text)
        for name, text in shown.items()
    }


def _hours(instant: str, now: datetime) -> float:
    return (now - datetime.fromisoformat(instant)).total_seconds() / 3600


def _shown(instant: str | None) -> str:
    return f"{datetime.fromisoformat(instant):%Y-%m-%d %H:%M} UTC" if instant else "no messages yet"
