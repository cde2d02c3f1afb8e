{{ config(unique_key=['account_id', 'report_date']) }}

with

conversations as (

    select * from {{ ref('fct_conversations') }}

),

messages_of_days as (

    select * from {{ ref('fct_messages') }}
    where {{ is_on_changed_day('sent_on') }}

),

-- The messages of these days belong to conversations of any day.
messages as (

    select
        messages_of_days.*,
        coalesce(conversations.origin, 'other') as origin
    from messages_of_days
    left join {{ ref('fct_conversations') }} as conversations
        on messages_of_days.conversation_id = conversations.conversation_id

),

activity as (

    {{ activity('origin') }}

),

final as (

    select
        account_id,
        origin,
        {{ build_id() }} as build_id,
        {{ daily_measures(daily_counts() + ['inbound_messages', 'agent_messages', 'automated_messages']) }},
        report_date
    from activity
    group by account_id, origin, report_date

)

select * from final
