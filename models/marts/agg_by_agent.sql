{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key=['account_id', 'report_date'],
) }}

with

conversations as (

    select * from {{ ref('fct_conversations') }}

),

messages as (

    select * from {{ ref('fct_messages') }}

),

agents as (

    select * from {{ ref('dim_agents') }}

),

surveys as (

    select
        surveys.*,
        conversations.agent_id
    from {{ ref('int_conversation_surveys') }} as surveys
    inner join conversations
        on surveys.conversation_id = conversations.conversation_id

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
