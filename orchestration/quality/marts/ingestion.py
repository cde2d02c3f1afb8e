"""Checks of the ingestion: no record is lost between a file and the reports.

Belongs here: `ingested_files` and `rejected_records`. Does not: limits on the rejected records of an entity,
which are checks of its mart.
"""

from orchestration.quality.check import Check
from orchestration.quality.conditions import (
    LEDGER,
    accepted_values,
    mart,
    not_before,
    not_negative,
    not_null,
)

INGESTED_FILES = mart(
    "ingested_files",
    ("batch_id", "file", "entity"),
    not_null("account_id"),
    not_null("entity"),
    not_null("file"),
    not_null("batch_id"),
    accepted_values("status", "loaded", "rejected", "duplicate"),
    not_negative("bytes", "records_read", "records_accepted", "records_rejected"),
    not_before("last_at", "first_at"),
    Check(
        "records_read_are_accepted_or_rejected",
        "for every file records_read = records_accepted + records_rejected",
        broken_where="records_read <> records_accepted + records_rejected",
    ),
    Check(
        "only_loaded_files_have_records",
        "no records in a file that is rejected or a duplicate",
        broken_where="""
            status in ('rejected', 'duplicate') and records_read + records_accepted + records_rejected <> 0
        """,
    ),
    Check(
        "rejected_files_have_a_reason",
        "a reason if and only if the file is rejected",
        broken_where="(status = 'rejected') <> (reason is not null)",
    ),
    Check(
        "files_match_ledger",
        "exactly one row for each file of the ledger",
        broken_keys=f"""
            select
                coalesce(
                    ledger.batch_id || ' ' || ledger.file || ' is not in the mart',
                    rows.batch_id || ' ' || rows.file || ' is not in the ledger'
                ) as key
            from {LEDGER} as ledger
            full join {{batch}} as rows
                on ledger.batch_id = rows.batch_id and ledger.file = rows.file and ledger.entity = rows.entity
            where ledger.file is null or rows.file is null
        """,
    ),
)

REJECTED_RECORDS = mart(
    "rejected_records",
    ("batch_id", "file", "entity", "field", "reason"),
    not_null("account_id"),
    not_null("entity"),
    not_null("file"),
    not_null("batch_id"),
    not_null("reason"),
    not_null("remedy"),
    not_negative("records_rejected"),
    Check(
        "reasons_sum_to_ingested_files",
        "for every file, records_rejected over all reasons sum to that of ingested_files",
        broken_keys="""
            select
                concat_ws(' ', batch_id, file, entity) || ': '
                || coalesce(by_reason.records, 0) || ' instead of ' || coalesce(by_file.records, 0) as key
            from (
                select batch_id, file, entity, sum(records_rejected) as records
                from {batch} as rows
                group by batch_id, file, entity
            ) as by_reason
            full join (
                select batch_id, file, entity, sum(records_rejected) as records
                from ingested_files
                group by batch_id, file, entity
            ) as by_file using (batch_id, file, entity)
            where coalesce(by_reason.records, 0) <> coalesce(by_file.records, 0)
        """,
    ),
)

MARTS = (INGESTED_FILES, REJECTED_RECORDS)
