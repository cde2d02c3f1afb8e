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

-- A change cannot precede the start: a platform that rounds its instants must not make negative times.
reported as (

    select
        events.conversation_id,
        events.account_id,
        events.event_type as change,
        greatest(events.occurred_at, conversations.started_at) as changed_at
    from events
    inner join conversations
        on events.conversation_id = conversations.conversation_id

),

summed as (

    select
        conversation_id,
        max(case when change = 'closed' then changed_at end) as last_closed_at,
        max(case when change = 'reopened' then changed_at end) as last_reopened_at
    from reported
    group by conversation_id

),

-- If no event reports the close that the status implies, the record of the conversation can.
unreported as (

    select
        conversations.conversation_id,
        conversations.account_id,
        'closed' as change,
        greatest(conversations.closed_at, conversations.started_at) as changed_at
    from conversations
    left join summed
        on conversations.conversation_id = summed.conversation_id
    where
        conversations.status = 'closed'
        and conversations.closed_at is not null
        and (
            summed.last_closed_at is null
            or summed.last_closed_at <= summed.last_reopened_at
        )

),

final as (

    select * from reported

    union distinct

    select * from unreported

)

select * from final
