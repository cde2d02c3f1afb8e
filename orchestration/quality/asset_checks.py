"""The quality gate as Dagster asset checks: one op with a result for every check of every mart.

Belongs here: names, severities and metadata of the results. Does not: the conditions (`marts`), nor their
evaluation (`gate`, imported when the op runs because it takes seconds).
"""

import re
from collections.abc import Callable, Iterable, Iterator

import dagster as dg

from orchestration.quality.check import Check, CheckResult, Mart
from orchestration.quality.marts import MARTS
from orchestration.quality.results import store_results
from orchestration.settings import Settings
from orchestration.warehouse.candidate import completed_build, wait_until_free

NO_COMPLETED_BUILD = (
    "the candidate has no completed build. Run `make run`, or materialize all marts, and then the checks"
)


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


@dg.multi_asset_check(specs=SPECS, can_subset=True)
def quality_gate(
    context: dg.AssetCheckExecutionContext, settings: dg.ResourceParam[Settings]
) -> Iterator[dg.AssetCheckResult]:
    """Run the Great Expectations checks that the candidate must pass before it is published."""
    selected = context.selected_asset_check_keys
    tables = {key.asset_key.path[-1] for key in selected}
    marts = [mart for mart in MARTS if mart.table in tables]
    build_id, results = check_candidate(settings, marts, context.log.info)
    store_results(settings, context.run.run_id, results)
    for result in results:
        evaluated = _asset_check_result(result, build_id)
        if dg.AssetCheckKey(evaluated.asset_key, evaluated.check_name) not in selected:
            continue
        if not result.passed:
            context.log.warning(_summary(result))
        yield evaluated


def check_candidate(
    settings: Settings, marts: Iterable[Mart], progress: Callable[[str], None]
) -> tuple[str | None, list[CheckResult]]:
    """Run the checks of `marts`. Return the build that was checked, if any, and a result for each check.

    Any error gives a broken result for every check, because Dagster continues after a check without a result.
    """
    marts = list(marts)
    try:
        from orchestration.quality.gate import run_gate

        wait_until_free(settings, progress, read_only=True)
        if build := completed_build(settings):
            return build.build_id, run_gate(settings, marts)
        problem = NO_COMPLETED_BUILD
    except Exception as error:
        problem = str(error)
    return None, [result for mart in marts for result in mart.formatted(settings, None).broken(problem)]


def _asset_check_result(result: CheckResult, build_id: str | None) -> dg.AssetCheckResult:
    metadata = {"expected": result.check.expected, "found": result.found}
    if result.examples:
        metadata["examples"] = "\n".join(result.examples)
    if build_id:
        metadata["build_id"] = build_id
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
        return f"{result.table}: {result.check.name} is BROKEN and could not check the data: {result.found}"
    examples = f", e.g. {'; '.join(result.examples)}" if result.examples else ""
    return f"{result.table}: expected {result.check.expected}; {result.found}{examples}"
