{{ config(unique_key=['account_id', 'report_date']) }}

with

conversations as (

    select * from {{ ref('fct_conversations') }}

),

turns_of_days as (

    select * from {{ ref('fct_customer_turns') }}
    where {{ is_on_changed_day('asked_on') }}

),

messages_of_days as (

    select * from {{ ref('fct_messages') }}
    where {{ is_on_changed_day('sent_on') }}

),

-- The turns and messages of these days belong to conversations of any day.
turns as (

    select
        turns_of_days.*,
        conversations.origin
    from turns_of_days
    inner join {{ ref('fct_conversations') }} as conversations
        on turns_of_days.conversation_id = conversations.conversation_id

),

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
        {{ daily_measures() }},
        report_date
    from activity
    group by account_id, origin, report_date

)

select * from final
