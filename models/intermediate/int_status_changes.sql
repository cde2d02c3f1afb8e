with

conversations as (

    select * from {{ ref('int_conversations') }}

),

events as (

    select * from {{ ref('fct_conversation_events') }}
    where
        event_type in ('closed', 'reopened')
        and {{ is_changed() }}

),

-- A platform can round its times. A change never precedes the start, so that no duration is negative.
changes_with_event as (

    select
        events.conversation_id,
        events.account_id,
        events.event_type as change,
        greatest(events.occurred_at, conversations.started_at) as changed_at
    from events
    inner join conversations
        on events.conversation_id = conversations.conversation_id

),

change_times as (

    select
        conversation_id,
        max(case when change = 'closed' then changed_at end) as last_closed_at,
        max(case when change = 'reopened' then changed_at end) as last_reopened_at
    from changes_with_event
    group by conversation_id

),

-- If no event reports the close that the status implies, the close in the conversation record counts.
closes_without_event as (

    select
        conversations.conversation_id,
        conversations.account_id,
        'closed' as change,
        greatest(conversations.closed_at, conversations.started_at) as changed_at
    from conversations
    left join change_times
        on conversations.conversation_id = change_times.conversation_id
    where
        conversations.status = 'closed'
        and conversations.closed_at is not null
        and (
            change_times.last_closed_at is null
            or change_times.last_closed_at <= change_times.last_reopened_at
        )

),

final as (

    select * from changes_with_event

    union distinct

    select * from closes_without_event

)

select * from final
