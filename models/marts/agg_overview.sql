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

messages_of_days as (

    select * from {{ ref('fct_messages') }}
    where {{ on_touched_days('sent_on') }}

),

surveys_of_days as (

    select * from {{ ref('int_conversation_surveys') }}
    where {{ on_touched_days('sent_on', 'responded_on') }}

),

-- What happened on these days, happened in conversations of any day.
messages as (

    select
        messages_of_days.*,
        coalesce(conversations.origin, 'other') as origin
    from messages_of_days
    left join {{ ref('fct_conversations') }} as conversations
        on messages_of_days.conversation_id = conversations.conversation_id

),

surveys as (

    select
        surveys_of_days.*,
        conversations.origin
    from surveys_of_days
    inner join {{ ref('fct_conversations') }} as conversations
        on surveys_of_days.conversation_id = conversations.conversation_id

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
