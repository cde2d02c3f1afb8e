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

    select
        messages.*,
        coalesce(conversations.origin, 'other') as origin
    from {{ ref('fct_messages') }} as messages
    left join conversations
        on messages.conversation_id = conversations.conversation_id

),

surveys as (

    select
        surveys.*,
        conversations.origin
    from {{ ref('int_conversation_surveys') }} as surveys
    inner join conversations
        on surveys.conversation_id = conversations.conversation_id

),

happenings as (

    {{ happenings('origin') }}

),

final as (

    select
        account_id,
        origin,
        {{ daily_measures(daily_counts() + ['inbound_messages', 'agent_messages', 'automated_messages']) }},
        report_date
    from happenings
    group by account_id, origin, report_date

)

select * from final
