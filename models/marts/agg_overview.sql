{{ config(unique_key=['account_id', 'report_date']) }}

with

conversations as (

    select * from {{ ref('fct_conversations') }}

),

changed_turns as (

    select * from {{ ref('fct_customer_turns') }}
    where {{ is_on_changed_day('asked_on') }}

),

changed_messages as (

    select * from {{ ref('fct_messages') }}
    where {{ is_on_changed_day('sent_on') }}

),

-- The turns and messages of the changed days can belong to conversations of any day.
turns as (

    select
        changed_turns.*,
        conversations.origin
    from changed_turns
    inner join {{ ref('fct_conversations') }} as conversations
        on changed_turns.conversation_id = conversations.conversation_id

),

messages as (

    select
        changed_messages.*,
        coalesce(conversations.origin, 'other') as origin
    from changed_messages
    left join {{ ref('fct_conversations') }} as conversations
        on changed_messages.conversation_id = conversations.conversation_id

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
