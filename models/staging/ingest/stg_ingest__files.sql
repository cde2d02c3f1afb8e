-- A table, so that the candidate knows the files that it was built from, whatever was ingested since.
{{ config(materialized='table') }}

with

ledger as (

    select * from {{ source('ingest', 'ingested_files') }}

),

-- A content that came under several names counts as standing at the last of them, whichever was read first.
last_names as (

    select
        account_id,
        entity,
        file_id,
        max(file) as file,
        max_by(modified_at, file) as modified_at,
        min(first_at) as first_at,
        max(last_at) as last_at
    from ledger
    group by account_id, entity, file_id

),

final as (

    select
        file_id,
        account_id,
        entity,
        file,
        row_number() over (
            partition by account_id, entity
            order by file, modified_at, file_id
        ) as file_rank,
        modified_at,
        first_at,
        last_at
    from last_names

)

select * from final
