{% set event = in_order('occurred_at', 'event_id', {'event_type': 'event_type', 'agent_id': 'agent_id'}) %}

with

events as (

    select * from {{ ref('fct_conversation_events') }}
    where {{ is_changed() }}

),

summed as (

    select
        conversation_id,
        account_id,
        max(case when event_type in ('assigned', 'unassigned') then {{ event }} end) as last_assignment,
        count(case when event_type = 'reopened' then 1 end) as reopens,
        min(case when event_type = 'closed' then occurred_at end) as first_closed_at,
        max(case when event_type = 'closed' then occurred_at end) as last_closed_at
    from events
    group by conversation_id, account_id

),

final as (

    select
        conversation_id,
        account_id,
        case when last_assignment.event_type = 'assigned' then last_assignment.agent_id end as assigned_agent_id,
        reopens,
        first_closed_at,
        last_closed_at
    from summed

)

select * from final
