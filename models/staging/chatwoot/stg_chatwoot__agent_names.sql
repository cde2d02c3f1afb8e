with

conversations as (

    select * from {{ source('chatwoot', 'conversations') }}

),

-- The sender of a message is not read: the name may be a contact's.
final as (

    select
        _account_id || ':' || assignee.id as agent_id,
        _account_id as account_id,
        nullif({{ trimmed('assignee.name') }}, '') as agent_name,
        _file_id as file_id,
        coalesce(updated_at, last_activity_at) as seen_at
    from conversations
    where lower(coalesce(assignee.type, assignee_type, 'user')) = 'user'

)

select * from final
