"""The latest result of an asset check, as the event log of Dagster keeps it.

Belongs here: the private names that reading it needs. Does not: what the result allows (see
`publish.preconditions`).
"""

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

EVALUATED = {AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED}


def latest_evaluation(instance: dg.DagsterInstance, key: dg.AssetCheckKey) -> dg.AssetCheckEvaluation | None:
    """Return the last result of a check, or None; a run that has only planned the check gives none."""
    records = instance.event_log_storage.get_asset_check_execution_history(key, limit=1, status=EVALUATED)
    return records[0].evaluation if records else None
