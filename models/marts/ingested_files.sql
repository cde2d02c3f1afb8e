-- Built after the list of new files, which compares the ledger with this table as of the previous build.
-- depends_on: {{ ref('stg_ingest__files') }}
{{ config(materialized='table') }}

with

ledger as (

    select * from {{ source('ingest', 'ingested_files') }}

),

other_records as (

    select
        account_id,
        entity,
        file_id,
        cast(sum(records) as bigint) as records,
        {{ sorted_list("kind || ': ' || cast(records as " ~ dbt.type_string() ~ ")") }} as kinds
    from {{ ref('int_other_records') }}
    group by account_id, entity, file_id

),

final as (

    select
        ledger.account_id,
        ledger.batch_id,
        ledger.file_id,
        ledger.platform,
        ledger.entity,
        ledger.file,
        ledger.status,
        ledger.reason,
        ledger.unknown_fields,
        case
            when ledger.status = 'loaded' then coalesce(other_records.kinds, {{ empty_text_list() }})
            else {{ empty_text_list() }}
        end as left_out,
        ledger.bytes,
        ledger.records_read,
        ledger.records_accepted,
        ledger.records_rejected,
        case when ledger.status = 'loaded' then coalesce(other_records.records, 0) else 0 end as records_left_out,
        ledger.first_at,
        ledger.last_at,
        ledger.modified_at,
        ledger.ingested_at
    from ledger
    left join other_records
        on
            ledger.account_id = other_records.account_id
            and ledger.entity = other_records.entity
            and ledger.file_id = other_records.file_id

)

select * from final
