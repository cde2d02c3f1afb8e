{{ config(materialized='table') }}

with

agents as (

    {{ union_platforms('agents') }}

),

names as (

    select * from {{ ref('int_agent_names') }}

),

-- Everyone who was assigned or sent a message is an agent, even if the export of agents does not contain them.
all_agents as (

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

ranked_names as (

    select
        agent_id,
        agent_name,
        row_number() over (
            partition by agent_id
            order by seen_at desc nulls last, agent_name asc
        ) as name_rank
    from names

),

latest_names as (

    select * from ranked_names
    where name_rank = 1

),

final as (

    select
        all_agents.agent_id,
        all_agents.account_id,
        substring(all_agents.agent_id, length(all_agents.account_id) + 2) as source_agent_id,
        coalesce(
            agents.agent_name,
            latest_names.agent_name,
            substring(all_agents.agent_id, length(all_agents.account_id) + 2)
        ) as agent_name,
        agents.role,
        coalesce(agents.team_names, {{ empty_text_list() }}) as team_names
    from all_agents
    left join agents
        on all_agents.agent_id = agents.agent_id
    left join latest_names
        on all_agents.agent_id = latest_names.agent_id
    where all_agents.agent_id is not null

)

select * from final
