{% set event = in_order('events.occurred_at', 'events.event_id', {
    'event_type': 'events.event_type',
    'agent_id': 'events.agent_id',
}) %}

with

events as (

    select * from {{ ref('fct_conversation_events') }}
    where {{ is_changed() }}

),

statuses as (

    select * from {{ ref('int_conversation_status') }}

),

-- The assignment of a closed conversation is the last one before its last close, because some platforms unassign a
-- conversation when they close it.
event_totals as (

    select
        events.conversation_id,
        events.account_id,
        max(
            case
                when
                    events.event_type in ('assigned', 'unassigned')
                    and (
                        statuses.closed_at is null
                        or events.occurred_at < statuses.closed_at
                    )
                    then {{ event }}
            end
        ) as last_assignment,
        count(case when events.event_type = 'assigned' then 1 end) as assignments,
        count(distinct case when events.event_type = 'assigned' then events.agent_id end) as agents_assigned,
        count(case when events.event_type = 'reopened' then 1 end) as reopens,
        min(case when events.event_type = 'assigned' then events.occurred_at end) as first_assigned_at,
        min(case when events.event_type = 'handed_off' then events.occurred_at end) as handed_off_at
    from events
    left join statuses
        on events.conversation_id = statuses.conversation_id
    group by events.conversation_id, events.account_id

),

final as (

    select
        conversation_id,
        account_id,
        case when last_assignment.event_type = 'assigned' then last_assignment.agent_id end as assigned_agent_id,
        assignments,
        agents_assigned,
        reopens,
        first_assigned_at,
        handed_off_at
    from event_totals

)

select * from final
