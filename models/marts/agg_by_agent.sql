{{ config(unique_key=['account_id', 'report_date']) }}

with

conversations as (

    select * from {{ ref('fct_conversations') }}

),

messages as (

    select * from {{ ref('fct_messages') }}
    where {{ is_on_changed_day('sent_on') }}

),

agents as (

    select * from {{ ref('dim_agents') }}

),

-- A first response counts for the agent who gave it, a message for its sender, the rest for the conversation's agent.
activity as (

    {{ activity('agent_id', responder='first_response_agent_id') }}

),

named as (

    select
        activity.*,
        coalesce(agents.agent_name, 'Unassigned') as agent_name
    from activity
    left join agents
        on activity.agent_id = agents.agent_id

),

final as (

    select
        account_id,
        agent_id,
        agent_name,
        {{ build_id() }} as build_id,
        {{ daily_measures(daily_counts()) }},
        report_date
    from named
    group by account_id, agent_id, agent_name, report_date

)

select * from final
