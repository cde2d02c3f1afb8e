{{ config(materialized='incremental', incremental_strategy='replace_touched', unique_key='conversation_id') }}

with

messages as (

    select * from {{ ref('int_messages') }}
    where {{ is_touched('conversation_id', 'int_touched_conversations') }}

),

calendar as (

    select * from {{ ref('int_calendar') }}

),

-- Only the customer and the people who answer take turns; what automation sends stops no clock. A template by which an
-- agent opens the conversation answers nothing, since nobody has asked.
exchange as (

    select
        conversation_id,
        account_id,
        agent_id,
        message_id,
        is_inbound,
        sent_at,
        coalesce(lag(is_inbound) over message_order, false) as follows_inbound
    from messages
    where
        has_conversation
        and (is_inbound or agent_id is not null)
    window message_order as (
        partition by conversation_id
        order by sent_at, length(message_id), message_id
    )

),

-- Strictly in turn from here on: customer, agent, customer, agent …
changes as (

    select *
    from exchange
    where is_inbound <> follows_inbound

),

paired as (

    select
        conversation_id,
        account_id,
        is_inbound,
        row_number() over turn_order as change_number,
        lead(agent_id) over turn_order as answered_by_agent_id,
        sent_at as asked_at,
        lead(sent_at) over turn_order as answered_at
    from changes
    window turn_order as (
        partition by conversation_id
        order by sent_at, length(message_id), message_id
    )

),

timed as (

    select
        paired.*,
        {{ working_seconds_at('asking', 'paired.asked_at') }} as working_seconds_at_asking,
        {{ working_seconds_at('answering', 'paired.answered_at') }} as working_seconds_at_answering
    from paired
    left join calendar as asking
        on {{ on_calendar('asking', 'paired.account_id', 'paired.asked_at') }}
    left join calendar as answering
        on {{ on_calendar('answering', 'paired.account_id', 'paired.answered_at') }}
    where paired.is_inbound

),

final as (

    select
        conversation_id,
        account_id,
        answered_by_agent_id,
        {{ seconds_between('asked_at', 'answered_at') }} as wait_seconds,
        working_seconds_at_answering - working_seconds_at_asking as wait_working_seconds,
        working_seconds_at_answering,
        change_number = 1 as is_first,
        asked_at,
        answered_at
    from timed

)

select * from final
