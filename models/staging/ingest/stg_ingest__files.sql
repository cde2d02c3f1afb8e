{{ config(materialized='table') }}

-- A content with several names counts at the last of them, regardless of the order of loading.
{% set last_name = struct_of({'file': 'file', 'modified_at': 'modified_at'}) %}

with

ledger as (

    select * from {{ source('ingest', 'ingested_files') }}

),

{% if is_increment() -%}
built as (

    select
        account_id,
        entity,
        file_id,
        max({{ last_name }}) as last_name
    from {{ source('candidate', 'ingested_files') }}
    group by account_id, entity, file_id

),

{% endif -%}
contents as (

    select
        account_id,
        entity,
        file_id,
        max({{ last_name }}) as last_name,
        min(first_at) as first_at,
        max(last_at) as last_at
    from ledger
    group by account_id, entity, file_id

),

final as (

    select
        contents.file_id,
        contents.account_id,
        contents.entity,
        contents.last_name.file,
        row_number() over (
            partition by contents.account_id, contents.entity
            order by contents.last_name.file, contents.last_name.modified_at, contents.file_id
        ) as file_rank,
        {% if is_increment() %}built.file_id is null{% else %}true{% endif %} as is_new,
        contents.last_name.modified_at,
        contents.first_at,
        contents.last_at
    from contents
    {%- if is_increment() %}
    left join built
        on
            contents.account_id = built.account_id
            and contents.entity = built.entity
            and contents.file_id = built.file_id
            and contents.last_name = built.last_name
    {%- endif %}

)

select * from final
