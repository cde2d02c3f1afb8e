"""The quality gate as Dagster sees it: one op, a result for every check of every mart.

Belongs here: names, severities and what a person sees of a result. Does not: what is expected (the marts'
modules), nor how it is found out (`gate`, which is imported only when the op runs: it takes seconds).
"""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module

import dagster as dg

from orchestration.quality.check import Check, CheckResult, Mart
from orchestration.quality.marts import MARTS
from orchestration.quality.results import keep, write_page
from orchestration.settings import Settings
from orchestration.warehouse.candidate import wait_until_free


def _spec(mart: Mart, check: Check) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        check.name,
        asset=["marts", mart.table],
        description=re.sub(r"\{settings\.(\w+)[^}]*\}", r"<\1>", check.expected).format(
            last_release="its rows"
        ),
        blocking=check.severity == "error",
    )


SPECS = [_spec(mart, check) for mart in MARTS for check in mart.checks]


def blocking_checks() -> list[dg.AssetCheckKey]:
    """Return the checks without which nothing may be published."""
    return [spec.key for spec in SPECS if spec.blocking]


def import_gate() -> None:
    """Import what the checks need, ahead of time; where that fails, they themselves will say so."""
    with suppress(Exception):
        import_module("orchestration.quality.gate")


@dg.multi_asset_check(specs=SPECS, can_subset=True, pool="warehouse")
def quality_gate(
    context: dg.AssetCheckExecutionContext, settings: dg.ResourceParam[Settings]
) -> Iterator[dg.AssetCheckResult]:
    """Great Expectations on the candidate warehouse: what must hold before anything is published."""
    selected = context.selected_asset_check_keys
    tables = {key.asset_key.path[-1] for key in selected}
    found = _results(settings, tuple(mart for mart in MARTS if mart.table in tables), context.log.info)
    keep(settings, context.run.run_id, found)
    page = write_page(settings, found)
    context.log.info(f"The page of the checks: {page}")
    for result in found:
        evaluated = _asset_check_result(result)
        if dg.AssetCheckKey(evaluated.asset_key, evaluated.check_name) not in selected:
            continue
        if not result.passed:
            context.log.warning(_summary(result))
        yield evaluated


def _results(
    settings: Settings, marts: tuple[Mart, ...], progress: Callable[[str], None]
) -> list[CheckResult]:
    # To Dagster, a check without a result is no reason to stop: whatever goes wrong must be a failed result.
    try:
        from orchestration.quality.gate import run_gate

        wait_until_free(settings, progress, read_only=True)
        return run_gate(settings, marts)
    except Exception as error:
        return [result for mart in marts for result in mart.worded(settings, None).broken(str(error))]


def _asset_check_result(result: CheckResult) -> dg.AssetCheckResult:
    metadata = {"expected": result.check.expected, "found": result.found}
    if result.examples:
        metadata["examples"] = "\n".join(result.examples)
    return dg.AssetCheckResult(
        asset_key=["marts", result.table],
        check_name=result.check.name,
        passed=result.passed,
        severity=dg.AssetCheckSeverity.WARN
        if result.check.severity == "warn"
        else dg.AssetCheckSeverity.ERROR,
        description=None if result.passed else _summary(result),
        metadata=metadata,
    )


def _summary(result: CheckResult) -> str:
    if result.broken:
        return f"{result.table}: {result.check.name} is BROKEN, nothing is known of the data: {result.found}"
    examples = f", e.g. {'; '.join(result.examples)}" if result.examples else ""
    return f"{result.table}: expected {result.check.expected}; {result.found}{examples}"
