{{ config(materialized='table') }}

with

agents as (

    {{ union_platforms('agents') }}

),

names as (

    select * from {{ ref('int_agent_names') }}

),

-- Everyone who was assigned or answered is an agent, exported or not: agents leave, their work stays.
seen as (

    select
        agent_id,
        account_id
    from {{ ref('fct_conversations') }}

    union distinct

    select
        agent_id,
        account_id
    from {{ ref('fct_messages') }}

    union distinct

    select
        agent_id,
        account_id
    from {{ ref('fct_conversation_events') }}

    union distinct

    select
        agent_id,
        account_id
    from agents

),

ranked as (

    select
        agent_id,
        agent_name,
        row_number() over (
            partition by agent_id
            order by seen_at desc nulls last, agent_name asc
        ) as name_rank
    from names

),

last_names as (

    select * from ranked
    where name_rank = 1

),

final as (

    select
        seen.agent_id,
        seen.account_id,
        substring(seen.agent_id, length(seen.account_id) + 2) as source_agent_id,
        coalesce(
            agents.agent_name,
            last_names.agent_name,
            substring(seen.agent_id, length(seen.account_id) + 2)
        ) as agent_name,
        agents.role,
        coalesce(agents.team_names, {{ empty_text_list() }}) as team_names
    from seen
    left join agents
        on seen.agent_id = agents.agent_id
    left join last_names
        on seen.agent_id = last_names.agent_id
    where seen.agent_id is not null

)

select * from final
