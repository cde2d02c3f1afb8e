"""Whether the checks allow a release: what Dagster's own gate leaves open is asked here, in code.

Belongs here: reading the latest evaluation of each check. Does not: the checks themselves (see `quality`),
nor the verification of a release that was built (see `release`).

Dagster skips an asset only if a blocking check failed in the same run. A check that was not selected, yielded
nothing or judged an earlier version of its table lets the asset go on.
"""

from collections.abc import Iterable

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from orchestration.publish.release import PublishError

EVALUATED = {AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED}


def verify_checks(
    instance: dg.DagsterInstance, specs: Iterable[dg.AssetCheckSpec], tables: Iterable[dg.AssetKey]
) -> dict[str, list[str]]:
    """Return the names of the checks that `passed` and `warned`, as `<asset>:<check>`.

    Raises `PublishError` that lists every blocking check which did not pass on the table as it is now, and
    every one of `tables` that no blocking check guards.
    """
    specs = list(specs)
    guarded = {spec.asset_key for spec in specs if spec.blocking}
    problems = [f"{key.to_user_string()} has no blocking check" for key in tables if key not in guarded]
    checks: dict[str, list[str]] = {"passed": [], "warned": []}
    made = {key: _latest(instance, key) for key in {spec.asset_key for spec in specs}}
    for spec in specs:
        name = f"{spec.asset_key.to_user_string()}:{spec.name}"
        outcome = _outcome(instance, spec.key, made[spec.asset_key])
        if outcome == "passed":
            checks["passed"].append(name)
        elif outcome == "warned" or not spec.blocking:
            checks["warned"].append(name)
        else:
            problems.append(f"{name} {outcome}")
    if problems:
        raise PublishError(
            "Not published, the last release stands:\n"
            + "\n".join(f"- {problem}" for problem in problems)
            + "\nMend what failed, then materialize the marts with their checks."
        )
    return checks


def _latest(instance: dg.DagsterInstance, key: dg.AssetKey) -> int | None:
    """Return the id of the event that tells of the table as it is now."""
    records = instance.fetch_materializations(key, limit=1).records
    return records[0].storage_id if records else None


def _outcome(instance: dg.DagsterInstance, key: dg.AssetCheckKey, made: int | None) -> str:
    # Of what was evaluated: a run that waits in the queue has planned its checks already.
    records = instance.event_log_storage.get_asset_check_execution_history(key, limit=1, status=EVALUATED)
    if not records:
        return "has not run"
    evaluation = records[0].evaluation
    judged = evaluation.target_materialization_data
    if (judged and judged.storage_id) != made:
        return "judged an earlier version of the table"
    if evaluation.passed:
        return "passed"
    return "warned" if evaluation.severity is dg.AssetCheckSeverity.WARN else "failed"
