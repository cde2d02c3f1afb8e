with

turns as (

    select * from {{ ref('fct_customer_turns') }}
    where {{ is_changed() }}

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

data_through as (

    select * from {{ ref('int_data_through') }}

),

accounts as (

    select * from {{ ref('dim_accounts') }}

),

turn_totals as (

    select
        conversation_id,
        account_id,
        count(case when outcome = 'answered' then 1 end) as turns_answered,
        count(case when outcome = 'closed' then 1 end) as turns_closed,
        count(case when outcome = 'waiting' then 1 end) as turns_waiting,
        sum(wait_seconds) as total_wait_seconds,
        max(wait_seconds) as max_wait_seconds,
        sum(wait_working_seconds) as total_wait_working_seconds,
        min(case when outcome = 'answered' then turn_number end) as first_answered_turn,
        max(case when outcome = 'waiting' then asked_at end) as waiting_since
    from turns
    group by conversation_id, account_id

),

-- The turn with the first response; without a response, the waiting turn.
response_turns as (

    select
        turns.conversation_id,
        turns.account_id,
        turns.outcome,
        turns.answered_by_agent_id,
        turns.asked_at,
        coalesce(turns.ended_at, data_through.data_through_at) as lasts_until_at
    from turns
    inner join turn_totals
        on turns.conversation_id = turn_totals.conversation_id
    left join data_through
        on turns.account_id = data_through.account_id
    where
        turns.turn_number = turn_totals.first_answered_turn
        or (
            turns.outcome = 'waiting'
            and turn_totals.first_answered_turn is null
        )

),

-- The time before a hand-off does not count for the agent.
hand_offs as (

    select
        response_turns.conversation_id,
        max(events.occurred_at) as handed_off_at
    from response_turns
    inner join events
        on
            response_turns.conversation_id = events.conversation_id
            and response_turns.asked_at <= events.occurred_at
            and (
                response_turns.lasts_until_at >= events.occurred_at
                or response_turns.outcome = 'waiting'
            )
    group by response_turns.conversation_id

),

response_clocks as (

    select
        response_turns.*,
        coalesce(hand_offs.handed_off_at, response_turns.asked_at) as clock_started_at
    from response_turns
    left join hand_offs
        on response_turns.conversation_id = hand_offs.conversation_id

),

timed as (

    select
        response_clocks.*,
        {{ seconds_between('response_clocks.clock_started_at', 'response_clocks.lasts_until_at') }} as seconds,
        {{ working_seconds_at('end_interval', 'response_clocks.lasts_until_at') }}
        - {{ working_seconds_at('start_interval', 'response_clocks.clock_started_at') }} as working_seconds
    from response_clocks
    left join calendar as start_interval
        on {{ on_calendar('start_interval', 'response_clocks.account_id', 'response_clocks.clock_started_at') }}
    left join calendar as end_interval
        on {{ on_calendar('end_interval', 'response_clocks.account_id', 'response_clocks.lasts_until_at') }}

),

responses as (

    select
        timed.*,
        timed.outcome = 'answered' as is_answered,
        {{ is_within_target('first_response', 'timed.seconds', 'timed.working_seconds') }} as is_within_target
    from timed
    left join accounts
        on timed.account_id = accounts.account_id

),

final as (

    select
        turn_totals.conversation_id,
        turn_totals.account_id,
        responses.answered_by_agent_id as first_response_agent_id,
        turn_totals.turns_answered,
        turn_totals.turns_closed,
        turn_totals.turns_waiting,
        turn_totals.total_wait_seconds,
        turn_totals.max_wait_seconds,
        turn_totals.total_wait_working_seconds,
        case when responses.is_answered then responses.seconds end as first_response_seconds,
        case when responses.is_answered then responses.working_seconds end as first_response_working_seconds,
        case
            when responses.is_answered then responses.is_within_target
            when not responses.is_within_target then false
        end as is_first_response_within_target,
        case when responses.is_answered then responses.lasts_until_at end as first_response_at,
        turn_totals.waiting_since
    from turn_totals
    left join responses
        on turn_totals.conversation_id = responses.conversation_id

)

select * from final
