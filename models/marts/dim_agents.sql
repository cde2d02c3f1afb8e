{{ config(materialized='view') }}

with

agents as (

    select * from {{ ref('int_agents') }}

),

final as (

    select
        agent_id,
        account_id,
        source_agent_id,
        agent_name,
        role,
        team_names
    from agents

)

select * from final
