{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key=['account_id', 'report_date'],
) }}

with

conversations as (

    select * from {{ ref('fct_conversations') }}
    where {{ on_touched_days('started_on') }}

),

messages as (

    select * from {{ ref('fct_messages') }}
    where {{ on_touched_days('sent_on') }}

),

surveys_of_days as (

    select * from {{ ref('int_conversation_surveys') }}
    where {{ on_touched_days('sent_on', 'responded_on') }}

),

agents as (

    select * from {{ ref('dim_agents') }}

),

surveys as (

    select
        surveys_of_days.*,
        conversations.agent_id
    from surveys_of_days
    inner join {{ ref('fct_conversations') }} as conversations
        on surveys_of_days.conversation_id = conversations.conversation_id

),

-- A first response counts for who gave it, a message for who sent it, all else for the conversation's agent.
happenings as (

    {{ happenings('agent_id', responder='first_response_agent_id') }}

),

named as (

    select
        happenings.*,
        coalesce(agents.agent_name, 'Unassigned') as agent_name
    from happenings
    left join agents
        on happenings.agent_id = agents.agent_id

),

final as (

    select
        account_id,
        agent_id,
        agent_name,
        {{ daily_measures(daily_counts()) }},
        report_date
    from named
    group by account_id, agent_id, agent_name, report_date

)

select * from final
