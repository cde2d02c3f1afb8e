with

messages as (

    select
        *,
        direction = 'inbound' as is_inbound
    from {{ ref('fct_messages') }}
    where
        has_conversation
        and {{ is_changed() }}

),

calendar as (

    select * from {{ ref('int_calendar') }}

),

-- Only the customer and the agents take turns: automated messages end none. A template by which an agent opens the
-- conversation precedes every question.
exchange as (

    select
        conversation_id,
        account_id,
        is_inbound,
        sent_at,
        coalesce(lag(is_inbound) over message_order, false) as follows_inbound,
        {{ previous_value('case when is_inbound then sent_at end', 'message_order') }} as previous_inbound_at,
        {{ next_value('case when not is_inbound then agent_id end', 'message_order') }} as answered_by_agent_id,
        {{ next_value('case when not is_inbound then sent_at end', 'message_order') }} as answered_at
    from messages
    where
        is_inbound
        or agent_id is not null
    window message_order as (
        partition by conversation_id
        order by sent_at, length(message_id), message_id
    )

),

-- A turn begins with what the customer writes first, or first after an answer.
turns as (

    select
        conversation_id,
        account_id,
        answered_by_agent_id,
        previous_inbound_at is null as is_first,
        sent_at as asked_at,
        answered_at
    from exchange
    where
        is_inbound
        and not follows_inbound

),

timed as (

    select
        turns.*,
        {{ working_seconds_at('asking', 'turns.asked_at') }} as working_seconds_at_asking,
        {{ working_seconds_at('answering', 'turns.answered_at') }} as working_seconds_at_answering
    from turns
    left join calendar as asking
        on {{ on_calendar('asking', 'turns.account_id', 'turns.asked_at') }}
    left join calendar as answering
        on {{ on_calendar('answering', 'turns.account_id', 'turns.answered_at') }}

),

final as (

    select
        conversation_id,
        account_id,
        answered_by_agent_id,
        {{ seconds_between('asked_at', 'answered_at') }} as wait_seconds,
        working_seconds_at_answering - working_seconds_at_asking as wait_working_seconds,
        working_seconds_at_answering,
        is_first,
        asked_at,
        answered_at
    from timed

)

select * from final
