{{ config(materialized='table') }}

-- File content that was ingested under several names has the last name in sort order, whatever was ingested first.
{% set last_name = struct_of({'file': 'file', 'modified_at': 'modified_at'}) %}

with

ledger as (

    select * from {{ source('ingest', 'ingested_files') }}

),

{% if is_increment() -%}
known_files as (

    select
        account_id,
        entity,
        file_id,
        max({{ last_name }}) as last_name
    from {{ source('candidate', 'ingested_files') }}
    group by account_id, entity, file_id

),

{% endif -%}
file_contents as (

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
        file_contents.file_id,
        file_contents.account_id,
        file_contents.entity,
        file_contents.last_name.file,
        row_number() over (
            partition by file_contents.account_id, file_contents.entity
            order by file_contents.last_name.file, file_contents.last_name.modified_at, file_contents.file_id
        ) as file_rank,
        {% if is_increment() %}known_files.file_id is null{% else %}true{% endif %} as is_new,
        file_contents.last_name.modified_at,
        file_contents.first_at,
        file_contents.last_at
    from file_contents
    {%- if is_increment() %}
    left join known_files
        on
            file_contents.account_id = known_files.account_id
            and file_contents.entity = known_files.entity
            and file_contents.file_id = known_files.file_id
            and file_contents.last_name = known_files.last_name
    {%- endif %}

)

select * from final
