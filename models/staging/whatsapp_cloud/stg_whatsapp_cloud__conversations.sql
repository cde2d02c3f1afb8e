with

threads as (

    select * from {{ ref('base_whatsapp_cloud__threads') }}

),

origins as (

    select * from {{ ref('conversation_origins') }}
    where platform = 'whatsapp_cloud'

),

derived_conversations as (

    select
        account_id,
        source_conversation_id,
        min(contact_id) as contact_id,
        min(channel_id) as channel_id,
        max(case when source_message_id = source_conversation_id then source end) as source,
        min(sent_at) as started_at,
        max(case when is_inbound then sent_at end) as last_inbound_at
    from threads
    where source_conversation_id is not null
    group by account_id, source_conversation_id

),

final as (

    select
        derived_conversations.account_id || ':' || derived_conversations.source_conversation_id as conversation_id,
        derived_conversations.account_id,
        derived_conversations.source_conversation_id,
        derived_conversations.contact_id,
        cast(null as {{ dbt.type_string() }}) as agent_id,
        derived_conversations.channel_id,
        cast(null as {{ dbt.type_string() }}) as team_id,
        origins.origin,
        case when derived_conversations.last_inbound_at is null then 'not_contacted' else 'in_progress' end as status,
        cast(null as {{ dbt.type_string() }}) as agent_name,
        {{ no_tags() }} as tags,
        derived_conversations.started_at,
        cast(null as timestamp) as closed_at,
        cast(null as timestamp) as updated_at,
        -- The platform exports no closes. A conversation is closed once no message can join it any more.
        {{ dbt.dateadd('second', window_seconds(), 'derived_conversations.last_inbound_at') }} as joins_until_at
    from derived_conversations
    left join origins
        on upper(derived_conversations.source) = origins.source

)

select * from final
