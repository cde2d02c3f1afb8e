{{ config(materialized='incremental', incremental_strategy='replace_touched', unique_key='conversation_id') }}

with

turns as (

    select * from {{ ref('int_customer_turns') }}
    where {{ is_touched('conversation_id', 'int_touched_conversations') }}

),

events as (

    select * from {{ ref('int_conversation_events') }}

),

calendar as (

    select * from {{ ref('int_calendar') }}

),

first_answers as (

    select *
    from turns
    where
        is_first
        and answered_at is not null

),

-- What the flow did before it handed over is not the agent's time.
last_hand_offs as (

    select
        first_answers.conversation_id,
        max(events.occurred_at) as handed_off_at
    from first_answers
    inner join events
        on
            first_answers.conversation_id = events.conversation_id
            and first_answers.asked_at <= events.occurred_at
            and first_answers.answered_at >= events.occurred_at
    where events.event_type = 'handed_off'
    group by first_answers.conversation_id

),

clocked as (

    select
        first_answers.*,
        coalesce(last_hand_offs.handed_off_at, first_answers.asked_at) as clock_started_at
    from first_answers
    left join last_hand_offs
        on first_answers.conversation_id = last_hand_offs.conversation_id

),

final as (

    select
        clocked.conversation_id,
        clocked.account_id,
        clocked.answered_by_agent_id as first_response_agent_id,
        {{ seconds_between('clocked.clock_started_at', 'clocked.answered_at') }} as first_response_seconds,
        clocked.working_seconds_at_answering
        - {{ working_seconds_at('calendar', 'clocked.clock_started_at') }} as first_response_working_seconds,
        clocked.answered_at as first_response_at
    from clocked
    left join calendar
        on {{ on_calendar('calendar', 'clocked.account_id', 'clocked.clock_started_at') }}

)

select * from final
