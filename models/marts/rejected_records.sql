{{ config(materialized='table') }}

-- Only counts by reason are published: the rejected records and their values stay in the files of the ingest.
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
        -- A file rejected as a whole has no line: none of its records was read.
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
