-- The names of tags in any version of a record, with the last time of each.
{{ config(
    materialized='incremental' if target.type == 'duckdb' else 'table',
    incremental_strategy='delete+insert',
    unique_key=['account_id', 'tag_key', 'tag_name'],
) }}

with

seen as (

    select
        account_id,
        {{ tag_key('tagged', 'source_tag_id', 'tag_name') }} as tag_key,
        tagged,
        tag_name,
        seen_at
    from ({{ union_platforms('tag_names') }}) as tag_names
    where
        tag_name is not null
        and {{ is_in_new_file() }}

    {% if is_incremental() -%}
    union all

    select
        account_id,
        tag_key,
        tagged,
        tag_name,
        seen_at
    from {{ this }}
    {%- endif %}

),

final as (

    select
        account_id,
        tag_key,
        tagged,
        tag_name,
        max(seen_at) as seen_at
    from seen
    group by account_id, tag_key, tagged, tag_name

)

select * from final
