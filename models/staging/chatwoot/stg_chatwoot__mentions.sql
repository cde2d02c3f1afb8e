with

conversations as (

    select * from {{ source('chatwoot', 'conversations') }}

),

status_changes as (

    select * from {{ source('chatwoot', 'status_changes') }}

),

messages as (

    select
        *,
        coalesce(conversation_id, conversation_in_webhook) as conversation,
        lower(message_type) in ('0', 'incoming') as is_inbound
    from {{ source('chatwoot', 'messages') }}

),

responses as (

    select * from {{ source('chatwoot', 'csat_survey_responses') }}

),

contacts as (

    select * from {{ source('chatwoot', 'contacts') }}

),

events as (

    select * from {{ source('chatwoot', 'reporting_events') }}

),

final as (

    select
        'conversations' as entity,
        _account_id as account_id,
        id as record_id,
        _account_id || ':' || id as row_id,
        _account_id || ':' || id as conversation_id,
        _account_id || ':' || contact_id as contact_id,
        _file_id as file_id
    from conversations

    union all

    select
        'status_changes' as entity,
        _account_id as account_id,
        id as record_id,
        _account_id || ':' || id as row_id,
        _account_id || ':' || id as conversation_id,
        cast(null as {{ dbt.type_string() }}) as contact_id,
        _file_id as file_id
    from status_changes

    union all

    select
        'messages' as entity,
        _account_id as account_id,
        id as record_id,
        _account_id || ':' || id as row_id,
        _account_id || ':' || conversation as conversation_id,
        case when is_inbound then _account_id || ':' || coalesce(sender_id, webhook_sender_id) end as contact_id,
        _file_id as file_id
    from messages

    union all

    -- A response refers to the message that sent the survey.
    select
        'messages' as entity,
        _account_id as account_id,
        coalesce(message_id, 'response ' || id) as record_id,
        _account_id || ':' || coalesce(message_id, 'response ' || id) as row_id,
        _account_id || ':' || conversation_id as conversation_id,
        cast(null as {{ dbt.type_string() }}) as contact_id,
        _file_id as file_id
    from responses

    union all

    select
        'contacts' as entity,
        _account_id as account_id,
        id as record_id,
        _account_id || ':' || id as row_id,
        cast(null as {{ dbt.type_string() }}) as conversation_id,
        _account_id || ':' || id as contact_id,
        _file_id as file_id
    from contacts

    union all

    select
        'reporting_events' as entity,
        _account_id as account_id,
        id as record_id,
        _account_id || ':' || id as row_id,
        _account_id || ':' || coalesce(conversation_display_id, conversation_id) as conversation_id,
        cast(null as {{ dbt.type_string() }}) as contact_id,
        _file_id as file_id
    from events

)

select * from final
