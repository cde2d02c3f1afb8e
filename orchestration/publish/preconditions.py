"""Preconditions of publishing: the candidate is complete, and the checks passed on exactly its rows.

Belongs here: reading the record of builds and the latest evaluation of each check. Does not: the checks
(`quality`), nor the verification of a built release (`build`).

Dagster skips an asset only if a blocking check failed in the same run. It continues if a check was not
selected, had no result, or evaluated an earlier version of its table.
"""

from collections.abc import Iterable

import dagster as dg

from orchestration.dagster_ext.check_history import latest_evaluation
from orchestration.publish.release import PublishError
from orchestration.settings import Settings
from orchestration.warehouse.candidate import Build, completed_build

BUILD_ID = "build_id"  # metadata of a check result: the build of the candidate that was checked


def verify_candidate(settings: Settings) -> Build:
    """Return the last build of the candidate. Raises `PublishError` unless it is complete."""
    if not settings.candidate_path.exists():
        raise PublishError(f"No candidate at {settings.candidate_path}: build the marts first.")
    build = completed_build(settings)
    if build is None:
        raise PublishError(
            "Not published; the current release stays in place. The last build of the candidate did not"
            " complete. A model or a test of dbt failed, dbt was interrupted, or the file is damaged. Fix the"
            " error, then run again."
        )
    return build


def verify_checks(
    instance: dg.DagsterInstance,
    specs: Iterable[dg.AssetCheckSpec],
    tables: Iterable[dg.AssetKey],
    build_id: str,
) -> dict[str, list[str]]:
    """Return the names of the checks that `passed` and `warned`, as `<asset>:<check>`.

    Raises `PublishError` with every blocking check that did not pass on the current version of its table, of
    the build `build_id`, and each of `tables` without a blocking check.
    """
    specs = list(specs)
    guarded = {spec.asset_key for spec in specs if spec.blocking}
    problems = [f"{key.to_user_string()} has no blocking check" for key in tables if key not in guarded]
    checks: dict[str, list[str]] = {"passed": [], "warned": []}
    versions = {key: _latest(instance, key) for key in {spec.asset_key for spec in specs}}
    for spec in specs:
        name = f"{spec.asset_key.to_user_string()}:{spec.name}"
        outcome = _outcome(instance, spec.key, versions[spec.asset_key], build_id)
        if outcome == "passed":
            checks["passed"].append(name)
        elif outcome == "warned" or not spec.blocking:
            checks["warned"].append(name)
        else:
            problems.append(f"{name} {outcome}")
    if problems:
        raise PublishError(
            "Not published; the current release stays in place:\n"
            + "\n".join(f"- {problem}" for problem in problems)
            + "\nFix the errors, then materialize the marts with their checks."
        )
    return checks


def _latest(instance: dg.DagsterInstance, key: dg.AssetKey) -> int | None:
    """Return the event id of the table's latest materialization."""
    records = instance.fetch_materializations(key, limit=1).records
    return records[0].storage_id if records else None


def _outcome(instance: dg.DagsterInstance, key: dg.AssetCheckKey, version: int | None, build_id: str) -> str:
    evaluation = latest_evaluation(instance, key)
    if evaluation is None:
        return "has not run"
    checked = evaluation.target_materialization_data
    if (checked and checked.storage_id) != version:
        return "checked an earlier version of the table"
    build = evaluation.metadata.get(BUILD_ID)
    if build is None or build.value != build_id:
        return f"checked build {build.value if build else 'unknown'}, but the candidate is build {build_id}"
    if evaluation.passed:
        return "passed"
    return "warned" if evaluation.severity is dg.AssetCheckSeverity.WARN else "failed"
