-- The names of agents in any version of a record, with the last time of each.
{{ config(
    materialized='incremental' if target.type == 'duckdb' else 'table',
    incremental_strategy='delete+insert',
    unique_key=['agent_id', 'agent_name'],
) }}

with

seen as (

    select
        agent_id,
        account_id,
        agent_name,
        seen_at
    from ({{ union_platforms('agent_names') }}) as agent_names
    where
        agent_id is not null
        and agent_name is not null
        and {{ is_in_new_file() }}

    {% if is_incremental() -%}
    union all

    select
        agent_id,
        account_id,
        agent_name,
        seen_at
    from {{ this }}
    {%- endif %}

),

final as (

    select
        agent_id,
        account_id,
        agent_name,
        max(seen_at) as seen_at
    from seen
    group by agent_id, account_id, agent_name

)

select * from final
