with

conversations as (

    select * from {{ source('chatwoot', 'conversations') }}

),

messages as (

    select
        *,
        lower(replace(coalesce(sender_type, webhook_sender_type), '_', '')) as sender_kind
    from {{ source('chatwoot', 'messages') }}
    where lower(message_type) in ('1', 'outgoing')

),

final as (

    select
        _account_id || ':' || assignee.id as agent_id,
        _account_id as account_id,
        nullif({{ trimmed('assignee.name') }}, '') as agent_name,
        _file_id as file_id,
        coalesce(updated_at, last_activity_at) as seen_at
    from conversations
    where lower(coalesce(assignee.type, assignee_type, 'user')) = 'user'

    union all

    select
        _account_id || ':' || coalesce(sender_id, webhook_sender_id) as agent_id,
        _account_id as account_id,
        nullif({{ trimmed('agent_name') }}, '') as agent_name,
        _file_id as file_id,
        max(created_at) as seen_at
    from messages
    where sender_kind = 'user'
    group by _account_id, coalesce(sender_id, webhook_sender_id), agent_name, _file_id

    union all

    select
        {{ business_app('_account_id') }} as agent_id,
        _account_id as account_id,
        'WhatsApp Business app' as agent_name,
        _file_id as file_id,
        max(created_at) as seen_at
    from messages
    where external_echo = 'true'
    group by _account_id, _file_id

)

select * from final
