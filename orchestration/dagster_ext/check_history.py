"""The latest result of an asset check in Dagster's event log.

Belongs here: the private names of Dagster that reading it needs. Does not: the use of the result
(`publish.preconditions`).
"""

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

EVALUATED = {AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED}


def latest_evaluation(instance: dg.DagsterInstance, key: dg.AssetCheckKey) -> dg.AssetCheckEvaluation | None:
    """Return the latest result of a check, or None. A planned check has no result until it is evaluated."""
    records = instance.event_log_storage.get_asset_check_execution_history(key, limit=1, status=EVALUATED)
    return records[0].evaluation if records else None
