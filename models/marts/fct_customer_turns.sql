{{ config(unique_key='turn_id', counts_on=['asked_on']) }}

-- At the same instant messages come first, by id, then changes of the status.
{% set item_order -%}
    partition by conversation_id
    order by item_at, kind_rank, length(item_id), item_id
{%- endset %}

with

messages as (

    select
        conversation_id,
        case when direction = 'inbound' then 'inbound' else 'agent' end as kind,
        agent_id,
        0 as kind_rank,
        message_id as item_id,
        sent_at as item_at
    from {{ ref('fct_messages') }}
    where
        has_conversation
        and (
            direction = 'inbound'
            or agent_id is not null
        )
        and {{ is_changed() }}

),

conversations as (

    select * from {{ ref('int_conversations') }}

),

statuses as (

    select * from {{ ref('int_conversation_status') }}

),

changes as (

    select
        conversation_id,
        change as kind,
        case when change = 'closed' then 1 else 2 end as kind_rank,
        change as item_id,
        changed_at as item_at
    from {{ ref('int_status_changes') }}

    union distinct

    select
        conversation_id,
        'closed' as kind,
        1 as kind_rank,
        'closed' as item_id,
        inferred_closed_at as item_at
    from statuses
    where inferred_closed_at is not null

),

calendar as (

    select * from {{ ref('int_calendar') }}

),

accounts as (

    select * from {{ ref('dim_accounts') }}

),

reopened_conversations as (

    select distinct conversation_id
    from changes
    where kind = 'reopened'

),

-- A close ends no turn if the conversation is reopened and an agent answers before the customer writes again, as after
-- an automatic close overnight.
reopened as (

    select
        messages.conversation_id,
        messages.kind,
        messages.kind_rank,
        messages.item_id,
        messages.item_at
    from messages
    inner join reopened_conversations
        on messages.conversation_id = reopened_conversations.conversation_id

    union all

    select
        changes.conversation_id,
        changes.kind,
        changes.kind_rank,
        changes.item_id,
        changes.item_at
    from changes
    inner join reopened_conversations
        on changes.conversation_id = reopened_conversations.conversation_id

),

before_messages as (

    select
        *,
        {{ next_value("case when kind in ('inbound', 'agent') then kind end", '(' ~ item_order ~ ')') }}
            as next_message
    from reopened

),

marks as (

    select
        *,
        case
            when kind = 'inbound' then 'inbound'
            when kind = 'reopened' and next_message = 'agent' then 'resumed'
            when kind = 'reopened' then 'reopened'
        end as mark
    from before_messages

),

before_marks as (

    select
        conversation_id,
        kind,
        item_at,
        {{ next_value('mark', '(' ~ item_order ~ ')') }} as next_mark
    from marks

),

suspended as (

    select
        conversation_id,
        item_at
    from before_marks
    where
        kind = 'closed'
        and next_mark = 'resumed'

),

-- Only messages of the customer and of agents, and closes make turns. Automated messages end no turn. A template with
-- which an agent opens the conversation precedes every turn.
items as (

    select
        conversation_id,
        kind,
        agent_id,
        kind_rank,
        item_id,
        item_at
    from messages

    union all

    select
        changes.conversation_id,
        changes.kind,
        cast(null as {{ dbt.type_string() }}) as agent_id,
        changes.kind_rank,
        changes.item_id,
        changes.item_at
    from changes
    left join suspended
        on
            changes.conversation_id = suspended.conversation_id
            and changes.item_at = suspended.item_at
    where
        changes.kind = 'closed'
        and suspended.conversation_id is null

),

-- A turn begins with the customer's first message, or the first one after an answer or a close.
marked as (

    select
        *,
        case
            when kind = 'inbound' and coalesce(lag(kind) over ({{ item_order }}), 'none') <> 'inbound' then 1
            else 0
        end as is_beginning
    from items

),

numbered as (

    select
        *,
        cast(sum(is_beginning) over ({{ item_order }} rows between unbounded preceding and current row) as integer)
            as turn_number
    from marked

),

turns as (

    select
        conversation_id,
        turn_number,
        count(case when kind = 'inbound' then 1 end) as inbound_messages,
        min(
            case
                when kind <> 'inbound'
                    then {{ struct_of({
                        'at': 'item_at', 'kind_rank': 'kind_rank', 'id_length': 'length(item_id)', 'id': 'item_id',
                        'kind': 'kind', 'agent_id': 'agent_id',
                    }) }}
            end
        ) as ending,
        min(item_at) as asked_at
    from numbered
    where turn_number > 0
    group by conversation_id, turn_number

),

-- A waiting turn has lasted until the latest message of its account.
outcomes as (

    select
        turns.conversation_id || ':' || cast(turns.turn_number as {{ dbt.type_string() }}) as turn_id,
        turns.conversation_id,
        conversations.account_id,
        conversations.owner_key,
        case
            when turns.ending.kind = 'agent' then 'answered'
            when turns.ending.kind = 'closed' or statuses.is_closed then 'closed'
            else 'waiting'
        end as outcome,
        case when turns.ending.kind = 'agent' then turns.ending.agent_id end as answered_by_agent_id,
        turns.turn_number,
        turns.inbound_messages,
        turns.asked_at,
        turns.ending.at as ended_at,
        coalesce(turns.ending.at, statuses.data_through_at) as lasts_until_at
    from turns
    inner join conversations
        on turns.conversation_id = conversations.conversation_id
    left join statuses
        on turns.conversation_id = statuses.conversation_id

),

timed as (

    select
        outcomes.*,
        asking.local_on as asked_on,
        asking.local_hour as asked_hour,
        {{ seconds_between('outcomes.asked_at', 'outcomes.lasts_until_at') }} as seconds,
        {{ working_seconds_at('lasting', 'outcomes.lasts_until_at') }}
        - {{ working_seconds_at('asking', 'outcomes.asked_at') }} as working_seconds
    from outcomes
    left join calendar as asking
        on {{ on_calendar('asking', 'outcomes.account_id', 'outcomes.asked_at') }}
    left join calendar as lasting
        on {{ on_calendar('lasting', 'outcomes.account_id', 'outcomes.lasts_until_at') }}

),

final as (

    select
        timed.turn_id,
        timed.conversation_id,
        timed.account_id,
        timed.owner_key,
        timed.outcome,
        timed.answered_by_agent_id,
        {{ build_id() }} as build_id,
        timed.turn_number,
        timed.inbound_messages,
        timed.asked_hour,
        case when timed.outcome = 'answered' then timed.seconds end as wait_seconds,
        case when timed.outcome = 'answered' then timed.working_seconds end as wait_working_seconds,
        case
            when timed.outcome = 'answered'
                then {{ is_within_target('reply', 'timed.seconds', 'timed.working_seconds') }}
            when
                timed.outcome = 'waiting'
                and not {{ is_within_target('reply', 'timed.seconds', 'timed.working_seconds') }}
                then false
        end as is_within_target,
        timed.asked_on,
        timed.asked_at,
        timed.ended_at
    from timed
    left join accounts
        on timed.account_id = accounts.account_id

)

select * from final
