{{ config(unique_key='event_id', counts_on=['occurred_at']) }}

with

events as (

    {{ union_platforms('conversation_events') }}

),

conversations as (

    select * from {{ ref('int_conversations') }}

),

events_with_owner as (

    select
        events.event_id,
        events.account_id,
        events.conversation_id,
        events.agent_id,
        coalesce(conversations.owner_key, {{ owner_key('null', 'events.conversation_id', 'null') }}) as owner_key,
        events.event_type,
        events.reason,
        {{ build_id() }} as build_id,
        events.occurred_at
    from events
    left join conversations
        on events.conversation_id = conversations.conversation_id

),

final as (

    select * from events_with_owner
    where {{ is_changed() }}

)

select * from final
