-- A table, so that the candidate knows the files that it was built from, whatever was ingested since.
{{ config(materialized='incremental', unique_key=['account_id', 'entity', 'file_id']) }}

with

ledger as (

    select * from {{ source('ingest', 'ingested_files') }}

),

{% if is_incremental() -%}
known as (

    select * from {{ this }}

),

{% endif -%}
-- A content that came under several names counts as standing at the last of them, whichever was read first.
last_names as (

    select
        account_id,
        entity,
        file_id,
        max(file) as file,
        min(batch_id) filter (where status = 'loaded') as batch_id,
        max_by(modified_at, file) as modified_at,
        min(first_at) as first_at,
        max(last_at) as last_at
    from ledger
    group by account_id, entity, file_id

),

final as (

    select
        last_names.file_id,
        last_names.account_id,
        last_names.entity,
        last_names.file,
        last_names.batch_id,
        row_number() over (
            partition by last_names.account_id, last_names.entity
            order by last_names.file, last_names.modified_at, last_names.file_id
        ) as file_rank,
        {% if is_incremental() %}known.file_id is null{% else %}true{% endif %} as is_new,
        last_names.modified_at,
        last_names.first_at,
        last_names.last_at
    from last_names
    {%- if is_incremental() %}
    left join known
        on
            last_names.account_id = known.account_id
            and last_names.entity = known.entity
            and last_names.file_id = known.file_id
            and last_names.file = known.file
            and last_names.modified_at = known.modified_at
    {%- endif %}

)

select * from final
