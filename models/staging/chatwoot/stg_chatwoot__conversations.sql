with

versions as (

    select
        *,
        coalesce(updated_at, last_activity_at) as exported_at
    from {{ raw_records('conversations', source('chatwoot', 'conversations')) }}

),

messages as (

    select * from {{ ref('stg_chatwoot__messages') }}

),

statuses as (

    select * from {{ ref('conversation_statuses') }}
    where platform = 'chatwoot'

),

origins as (

    select * from {{ ref('conversation_origins') }}
    where platform = 'chatwoot'

),

latest as (

    {{ latest_version('conversations', 'versions', 'versions.exported_at') }}

),

-- A bot can be assigned too, and is not an agent.
assigned as (

    select
        *,
        _account_id || ':' || id as conversation_id,
        lower(coalesce(assignee.type, assignee_type, 'user')) = 'user' as is_assigned_to_person
    from latest

),

numbered as (

    select
        conversation_id,
        source,
        row_number() over (
            partition by conversation_id
            order by sent_at, length(source_message_id), source_message_id
        ) as message_number
    from messages

),

-- The platform does not export the origin of a conversation; its first message determines it.
beginnings as (

    select
        numbered.conversation_id,
        origins.origin
    from numbered
    inner join origins
        on upper(numbered.source) = origins.source
    where numbered.message_number = 1

),

final as (

    select
        assigned.conversation_id,
        assigned._account_id as account_id,
        assigned.id as source_conversation_id,
        assigned._account_id || ':' || assigned.contact_id as contact_id,
        case
            when assigned.is_assigned_to_person then assigned._account_id || ':' || assigned.assignee.id
        end as agent_id,
        assigned.inbox_id as channel_id,
        assigned.team_id,
        beginnings.origin,
        statuses.status,
        case
            when assigned.is_assigned_to_person then nullif({{ trimmed('assigned.assignee.name') }}, '')
        end as agent_name,
        assigned.labels as tags,
        cast({{ dbt.date_trunc('second', 'assigned.created_at') }} as timestamp) as started_at,
        case
            when statuses.status = 'closed'
                then cast({{ dbt.date_trunc('second', 'assigned.last_activity_at') }} as timestamp)
        end as closed_at,
        assigned.exported_at as updated_at,
        cast(null as timestamp) as joins_until_at
    from assigned
    left join statuses
        on upper(assigned.status) = statuses.source_status
    left join beginnings
        on assigned.conversation_id = beginnings.conversation_id

)

select * from final
