with

conversations as (

    select * from {{ ref('int_conversations') }}
    where {{ is_changed() }}

),

changes as (

    select * from {{ ref('int_status_changes') }}

),

messages as (

    select * from {{ ref('int_conversation_messages') }}

),

data_through as (

    select * from {{ ref('int_data_through') }}

),

summed as (

    select
        conversation_id,
        min(case when change = 'closed' then changed_at end) as first_closed_at,
        max(case when change = 'closed' then changed_at end) as last_closed_at,
        max(case when change = 'reopened' then changed_at end) as last_reopened_at
    from changes
    group by conversation_id

),

-- A conversation that was cut from its messages is closed once no message can join it any more.
current_conversations as (

    select
        conversations.conversation_id,
        conversations.account_id,
        case
            when conversations.joins_until_at <= data_through.data_through_at then 'closed'
            else conversations.status
        end as status,
        conversations.started_at,
        conversations.closed_at,
        data_through.data_through_at
    from conversations
    left join data_through
        on conversations.account_id = data_through.account_id

),

-- The close that the status implies is inferred where neither an event nor the record reports it.
inferred as (

    select
        conversations.conversation_id,
        conversations.account_id,
        conversations.status,
        conversations.data_through_at,
        summed.first_closed_at,
        summed.last_closed_at,
        case
            when
                conversations.status = 'closed'
                and conversations.closed_at is null
                and (
                    summed.last_closed_at is null
                    or summed.last_closed_at <= summed.last_reopened_at
                )
                and messages.last_message_at is not null
                then greatest(messages.last_message_at, conversations.started_at)
        end as inferred_closed_at
    from current_conversations as conversations
    left join summed
        on conversations.conversation_id = summed.conversation_id
    left join messages
        on conversations.conversation_id = messages.conversation_id

),

final as (

    select
        conversation_id,
        account_id,
        status,
        coalesce(status = 'closed', false) as is_closed,
        inferred_closed_at,
        case when status = 'closed' then least(first_closed_at, inferred_closed_at) end as first_closed_at,
        case when status = 'closed' then greatest(last_closed_at, inferred_closed_at) end as closed_at,
        data_through_at
    from inferred

)

select * from final
