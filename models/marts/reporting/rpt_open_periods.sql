-- When a conversation was open: from the customer's first message, after a close from when it was reopened or the
-- customer wrote again, to the next close. With the columns of the conversation to which filters apply.
{{ config(unique_key=['conversation_id', 'opened_at']) }}

with

conversations as (

    select * from {{ ref('int_conversations') }}
    where {{ is_changed() }}

),

statuses as (

    select * from {{ ref('int_conversation_status') }}

),

published_conversations as (

    select * from {{ ref('fct_conversations') }}
    where {{ is_changed() }}

),

conversation_messages as (

    select * from {{ ref('int_conversation_messages') }}
    where first_inbound_at is not null

),

changes as (

    select * from {{ ref('int_status_changes') }}

),

first_closes as (

    select
        conversation_id,
        min(changed_at) as closed_at
    from changes
    where change = 'closed'
    group by conversation_id

),

-- At the same instant messages precede closes, and closes precede reopenings.
items as (

    select
        conversation_id,
        'a message' as kind,
        first_inbound_at as item_at
    from conversation_messages

    union distinct

    select
        messages.conversation_id,
        'a message' as kind,
        messages.sent_at as item_at
    from {{ ref('fct_messages') }} as messages
    inner join first_closes
        on
            messages.conversation_id = first_closes.conversation_id
            and messages.sent_at > first_closes.closed_at
    where
        messages.direction = 'inbound'
        and {{ is_changed('messages.owner_key') }}

    union distinct

    select
        changes.conversation_id,
        changes.change as kind,
        changes.changed_at as item_at
    from changes
    inner join first_closes
        on
            changes.conversation_id = first_closes.conversation_id
            and changes.changed_at >= first_closes.closed_at

    union distinct

    select
        conversation_id,
        'closed' as kind,
        inferred_closed_at as item_at
    from statuses
    where inferred_closed_at is not null

),

followed as (

    select
        conversation_id,
        kind,
        item_at,
        coalesce(lag(kind) over item_order, 'closed') = 'closed' as is_beginning,
        {{ next_value("case when kind = 'closed' then item_at end", 'item_order') }} as next_closed_at
    from items
    window item_order as (
        partition by conversation_id
        order by item_at, kind
    )

),

-- A conversation that was cut from its messages stays open as long as a message can join it.
periods as (

    select
        conversations.conversation_id,
        conversations.account_id,
        conversations.owner_key,
        followed.item_at as opened_at,
        case
            when conversations.joins_until_at is null then followed.next_closed_at
            when statuses.is_closed then conversations.joins_until_at
        end as left_at
    from followed
    inner join conversations
        on followed.conversation_id = conversations.conversation_id
    inner join statuses
        on followed.conversation_id = statuses.conversation_id
    where
        followed.is_beginning
        and followed.kind <> 'closed'
        -- What a customer writes into a closed conversation that stays closed does not open it.
        and (
            conversations.joins_until_at is not null
            or not statuses.is_closed
            or followed.next_closed_at is not null
        )

),

final as (

    select
        periods.conversation_id,
        periods.account_id,
        published_conversations.channel_id,
        published_conversations.team_id,
        published_conversations.origin,
        published_conversations.agent_id,
        periods.owner_key,
        {{ build_id() }} as build_id,
        {{ tags_or_untagged('published_conversations.conversation_tags') }} as tags,
        published_conversations.contact_tags,
        published_conversations.is_in_working_hours,
        periods.opened_at,
        periods.left_at
    from periods
    inner join published_conversations
        on periods.conversation_id = published_conversations.conversation_id

)

select * from final
