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

change_times as (

    select
        conversation_id,
        min(case when change = 'closed' then changed_at end) as first_closed_at,
        max(case when change = 'closed' then changed_at end) as last_closed_at,
        max(case when change = 'reopened' then changed_at end) as last_reopened_at
    from changes
    group by conversation_id

),

-- A conversation that is derived from messages is closed once no message can join it any more.
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

-- If the status implies a close that neither an event nor the record reports, the close is inferred.
inferred_closes as (

    select
        conversations.conversation_id,
        conversations.account_id,
        conversations.status,
        conversations.data_through_at,
        change_times.first_closed_at,
        change_times.last_closed_at,
        case
            when
                conversations.status = 'closed'
                and conversations.closed_at is null
                and (
                    change_times.last_closed_at is null
                    or change_times.last_closed_at <= change_times.last_reopened_at
                )
                and messages.last_message_at is not null
                then greatest(messages.last_message_at, conversations.started_at)
        end as inferred_closed_at
    from current_conversations as conversations
    left join change_times
        on conversations.conversation_id = change_times.conversation_id
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
    from inferred_closes

)

select * from final
