with

agents as (

    {{ union_platforms('agents') }}

),

conversations as (

    select * from {{ ref('int_conversations') }}

),

messages as (

    select * from {{ ref('int_messages') }}

),

events as (

    select * from {{ ref('int_conversation_events') }}

),

-- Whoever was assigned or answered is an agent, exported or not: people leave, their work stays.
seen as (

    select
        agent_id,
        account_id,
        agent_name,
        updated_at as seen_at
    from conversations

    union all

    select
        agent_id,
        account_id,
        agent_name,
        sent_at as seen_at
    from messages

    union all

    select
        agent_id,
        account_id,
        cast(null as {{ dbt.type_string() }}) as agent_name,
        occurred_at as seen_at
    from events

    union all

    select
        agent_id,
        account_id,
        agent_name,
        cast(null as timestamp) as seen_at
    from agents

),

-- By name first: the rows that remain to be ranked are few.
named as (

    select
        agent_id,
        account_id,
        agent_name,
        max(seen_at) as seen_at
    from seen
    where agent_id is not null
    group by agent_id, account_id, agent_name

),

ranked as (

    select
        *,
        row_number() over (
            partition by agent_id
            order by case when agent_name is null then 1 else 0 end asc, seen_at desc nulls last, agent_name asc
        ) as name_rank
    from named

),

last_names as (

    select
        agent_id,
        account_id,
        agent_name
    from ranked
    where name_rank = 1

),

final as (

    select
        last_names.agent_id,
        last_names.account_id,
        substring(last_names.agent_id, length(last_names.account_id) + 2) as source_agent_id,
        coalesce(
            agents.agent_name,
            last_names.agent_name,
            substring(last_names.agent_id, length(last_names.account_id) + 2)
        ) as agent_name,
        agents.role,
        coalesce(agents.team_names, {{ empty_text_list() }}) as team_names
    from last_names
    left join agents
        on last_names.agent_id = agents.agent_id

)

select * from final
