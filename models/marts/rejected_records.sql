{{ config(materialized='table') }}

-- Rejected records and their values are not published. Only the number of records per reason is.
with

rejected as (

    select * from {{ source('ingest', 'rejected_records') }}

),

final as (

    select
        account_id,
        batch_id,
        platform,
        entity,
        file,
        field,
        reason,
        min(remedy) as remedy,
        -- A file that is rejected as a whole has no line, because none of its records was read.
        count(line) as records_rejected,
        min(line) as first_line,
        max(rejected_at) as rejected_at
    from rejected
    group by
        account_id,
        batch_id,
        platform,
        entity,
        file,
        field,
        reason

)

select * from final
