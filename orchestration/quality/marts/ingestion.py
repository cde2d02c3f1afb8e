"""What must be true of what was taken in: no record was lost between a file and the reports.

Belongs here: the promises of `ingested_files` and `rejected_records`. Does not: how much may be refused of an
entity (the marts made of it).
"""

from orchestration.quality.check import Check, filled, mart, not_before, not_negative, one_of

INGESTED_FILES = mart(
    "ingested_files",
    ("batch_id", "file", "entity"),
    filled("account_id"),
    filled("entity"),
    filled("file"),
    filled("batch_id"),
    one_of("status", "loaded", "rejected", "duplicate"),
    not_negative("bytes", "records_read", "records_accepted", "records_rejected"),
    not_before("last_at", "first_at"),
    Check(
        "records_read_are_accepted_or_rejected",
        "for every file records_read = records_accepted + records_rejected",
        broken_where="records_read <> records_accepted + records_rejected",
    ),
    Check(
        "only_loaded_files_hold_records",
        "no records in a file that was rejected or a duplicate",
        broken_where="""
            status in ('rejected', 'duplicate') and records_read + records_accepted + records_rejected <> 0
        """,
    ),
    Check(
        "rejected_files_have_a_reason",
        "a reason where a file was rejected, and nowhere else",
        broken_where="(status = 'rejected') <> (reason is not null)",
    ),
    Check(
        "all_ingested_files_arrived",
        "a row for each file of the ledger, and no other",
        broken_keys="""
            select
                coalesce(
                    ledger.batch_id || ' ' || ledger.file || ' is not in the mart',
                    rows.batch_id || ' ' || rows.file || ' is not in the ledger'
                ) as key
            from read_parquet(getvariable('raw_path') || '/ingested_files/*.parquet') as ledger
            full join {batch} as rows
                on ledger.batch_id = rows.batch_id and ledger.file = rows.file and ledger.entity = rows.entity
            where ledger.file is null or rows.file is null
        """,
    ),
)

REJECTED_RECORDS = mart(
    "rejected_records",
    ("batch_id", "file", "entity", "field", "reason"),
    filled("account_id"),
    filled("entity"),
    filled("file"),
    filled("batch_id"),
    filled("reason"),
    filled("remedy"),
    not_negative("records_rejected"),
    Check(
        "reasons_sum_to_the_ledger",
        "for every file as many records_rejected, over all reasons, as ingested_files says",
        broken_keys="""
            select
                concat_ws(' ', batch_id, file, entity) || ': '
                || coalesce(here.records, 0) || ' instead of ' || coalesce(there.records, 0) as key
            from (
                select batch_id, file, entity, sum(records_rejected) as records
                from {batch} as rows
                group by batch_id, file, entity
            ) as here
            full join (
                select batch_id, file, entity, sum(records_rejected) as records
                from marts.ingested_files
                group by batch_id, file, entity
            ) as there using (batch_id, file, entity)
            where coalesce(here.records, 0) <> coalesce(there.records, 0)
        """,
    ),
)

MARTS = (INGESTED_FILES, REJECTED_RECORDS)
