{{ config(unique_key=['account_id', 'report_date']) }}

with

-- A first response counts for the agent who gave it, a missing one for the agent of the conversation.
conversations as (

    select
        *,
        coalesce(first_response_agent_id, agent_id) as responder_id
    from {{ ref('fct_conversations') }}

),

changed_turns as (

    select * from {{ ref('fct_customer_turns') }}
    where {{ is_on_changed_day('asked_on') }}

),

changed_messages as (

    select * from {{ ref('fct_messages') }}
    where {{ is_on_changed_day('sent_on') }}

),

agents as (

    select * from {{ ref('dim_agents') }}

),

-- A reply counts for the agent who gave it, any other turn for the agent of the conversation.
turns as (

    select
        changed_turns.*,
        case
            when changed_turns.outcome = 'answered' then changed_turns.answered_by_agent_id
            else conversations.agent_id
        end as agent_id
    from changed_turns
    left join {{ ref('fct_conversations') }} as conversations
        on changed_turns.conversation_id = conversations.conversation_id

),

-- An outbound message counts for its sender, an inbound one for the agent of the conversation.
messages as (

    select
        changed_messages.account_id,
        case
            when changed_messages.direction = 'inbound' then conversations.agent_id
            else changed_messages.agent_id
        end as agent_id,
        changed_messages.direction,
        changed_messages.is_agent_message,
        changed_messages.is_automated,
        changed_messages.sent_on
    from changed_messages
    left join {{ ref('fct_conversations') }} as conversations
        on changed_messages.conversation_id = conversations.conversation_id

),

activity as (

    {{ activity('agent_id', responder='responder_id', rated='csat_agent_id') }}

),

activity_with_name as (

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
        {{ daily_measures() }},
        report_date
    from activity_with_name
    group by account_id, agent_id, agent_name, report_date

)

select * from final
