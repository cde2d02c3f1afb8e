{{ config(unique_key=['account_id', 'report_date']) }}

with

-- A first response counts for the agent who gave it, one that is missing for the agent of the conversation.
conversations as (

    select
        *,
        coalesce(first_response_agent_id, agent_id) as responder_id
    from {{ ref('fct_conversations') }}

),

turns_of_days as (

    select * from {{ ref('fct_customer_turns') }}
    where {{ is_on_changed_day('asked_on') }}

),

messages_of_days as (

    select * from {{ ref('fct_messages') }}
    where {{ is_on_changed_day('sent_on') }}

),

agents as (

    select * from {{ ref('dim_agents') }}

),

-- A reply counts for the agent who gave it, any other turn for the agent of the conversation.
turns as (

    select
        turns_of_days.*,
        case
            when turns_of_days.outcome = 'answered' then turns_of_days.answered_by_agent_id
            else conversations.agent_id
        end as agent_id
    from turns_of_days
    left join {{ ref('fct_conversations') }} as conversations
        on turns_of_days.conversation_id = conversations.conversation_id

),

-- An outbound message counts for its sender, an inbound one for the agent of the conversation.
messages as (

    select
        messages_of_days.account_id,
        case
            when messages_of_days.direction = 'inbound' then conversations.agent_id
            else messages_of_days.agent_id
        end as agent_id,
        messages_of_days.direction,
        messages_of_days.is_agent_message,
        messages_of_days.is_automated,
        messages_of_days.sent_on
    from messages_of_days
    left join {{ ref('fct_conversations') }} as conversations
        on messages_of_days.conversation_id = conversations.conversation_id

),

activity as (

    {{ activity('agent_id', responder='responder_id', rated='csat_agent_id') }}

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
        {{ daily_measures() }},
        report_date
    from named
    group by account_id, agent_id, agent_name, report_date

)

select * from final
