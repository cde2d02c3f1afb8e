with

messages as (

    select * from {{ ref('int_messages') }}

),

-- Only the customer and the people who answer take turns; what automation sends stops no clock.
exchange as (

    select
        conversation_id,
        account_id,
        agent_id,
        message_number,
        working_seconds_at_sending,
        is_inbound,
        sent_at,
        coalesce(
            lag(is_inbound) over (
                partition by conversation_id
                order by message_number
            ),
            false
        ) as follows_inbound
    from messages
    where
        has_conversation
        and (is_inbound or is_agent_message)

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
        lead(sent_at) over turn_order as answered_at,
        working_seconds_at_sending as working_seconds_at_asking,
        lead(working_seconds_at_sending) over turn_order as working_seconds_at_answering
    from changes
    window turn_order as (
        partition by conversation_id
        order by message_number
    )

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
    from paired
    where is_inbound

)

select * from final
