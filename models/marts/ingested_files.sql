-- Built after the list of new files, which compares the ledger with the files of the build before.
-- depends_on: {{ ref('stg_ingest__files') }}
{{ config(materialized='table') }}

with

ledger as (

    select * from {{ source('ingest', 'ingested_files') }}

),

final as (

    select
        account_id,
        batch_id,
        file_id,
        platform,
        entity,
        file,
        status,
        reason,
        unknown_fields,
        bytes,
        records_read,
        records_accepted,
        records_rejected,
        first_at,
        last_at,
        modified_at,
        ingested_at
    from ledger

)

select * from final
