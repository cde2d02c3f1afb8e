with

turns as (

    select * from {{ ref('int_customer_turns') }}

),

events as (

    select * from {{ ref('fct_conversation_events') }}
    where
        event_type = 'handed_off'
        and {{ is_changed() }}

),

calendar as (

    select * from {{ ref('int_calendar') }}

),

summed as (

    select
        conversation_id,
        account_id,
        count(answered_at) as turns_answered,
        count(*) - count(answered_at) as turns_unanswered,
        sum(wait_seconds) as wait_sum_seconds,
        max(wait_seconds) as wait_max_seconds,
        sum(wait_working_seconds) as wait_working_sum_seconds
    from turns
    group by conversation_id, account_id

),

first_answers as (

    select *
    from turns
    where
        is_first
        and answered_at is not null

),

-- The time before the flow handed over is not the agent's.
hand_offs as (

    select
        first_answers.conversation_id,
        max(events.occurred_at) as handed_off_at
    from first_answers
    inner join events
        on
            first_answers.conversation_id = events.conversation_id
            and first_answers.asked_at <= events.occurred_at
            and first_answers.answered_at >= events.occurred_at
    group by first_answers.conversation_id

),

clocked as (

    select
        first_answers.*,
        coalesce(hand_offs.handed_off_at, first_answers.asked_at) as clock_started_at
    from first_answers
    left join hand_offs
        on first_answers.conversation_id = hand_offs.conversation_id

),

first_responses as (

    select
        clocked.conversation_id,
        clocked.answered_by_agent_id as first_response_agent_id,
        {{ seconds_between('clocked.clock_started_at', 'clocked.answered_at') }} as first_response_seconds,
        clocked.working_seconds_at_answering
        - {{ working_seconds_at('calendar', 'clocked.clock_started_at') }} as first_response_working_seconds,
        clocked.answered_at as first_response_at
    from clocked
    left join calendar
        on {{ on_calendar('calendar', 'clocked.account_id', 'clocked.clock_started_at') }}

),

final as (

    select
        summed.conversation_id,
        summed.account_id,
        first_responses.first_response_agent_id,
        summed.turns_answered,
        summed.turns_unanswered,
        summed.wait_sum_seconds,
        summed.wait_max_seconds,
        summed.wait_working_sum_seconds,
        first_responses.first_response_seconds,
        first_responses.first_response_working_seconds,
        first_responses.first_response_at
    from summed
    left join first_responses
        on summed.conversation_id = first_responses.conversation_id

)

select * from final
