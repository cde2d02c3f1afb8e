-- A message, its echo and its statuses are one record: they share its id. Conversations are cut from the messages, so
-- that no record names one.
with

messages as (

    select * from {{ source('whatsapp_cloud', 'messages') }}

),

message_echoes as (

    select * from {{ source('whatsapp_cloud', 'message_echoes') }}

),

statuses as (

    select * from {{ source('whatsapp_cloud', 'statuses') }}

),

contacts as (

    select * from {{ source('whatsapp_cloud', 'contacts') }}

),

final as (

    select
        'messages' as entity,
        _account_id as account_id,
        id as record_id,
        _account_id || ':' || {{ keyed_hash("_account_id || ':' || id") }} as row_id,
        cast(null as {{ dbt.type_string() }}) as conversation_id,
        _account_id || ':' || {{ whatsapp_customer() }} as contact_id,
        _file_id as file_id
    from messages

    union all

    select
        'messages' as entity,
        _account_id as account_id,
        id as record_id,
        _account_id || ':' || {{ keyed_hash("_account_id || ':' || id") }} as row_id,
        cast(null as {{ dbt.type_string() }}) as conversation_id,
        _account_id || ':' || {{ whatsapp_contact('recipient', 'to_user_id') }} as contact_id,
        _file_id as file_id
    from message_echoes

    union all

    select
        'messages' as entity,
        _account_id as account_id,
        id as record_id,
        _account_id || ':' || {{ keyed_hash("_account_id || ':' || id") }} as row_id,
        cast(null as {{ dbt.type_string() }}) as conversation_id,
        _account_id || ':' || {{ whatsapp_contact('recipient_id', 'recipient_user_id') }} as contact_id,
        _file_id as file_id
    from statuses

    union all

    select
        'contacts' as entity,
        _account_id as account_id,
        {{ whatsapp_contact('wa_id', 'user_id') }} as record_id,
        _account_id || ':' || {{ whatsapp_contact('wa_id', 'user_id') }} as row_id,
        cast(null as {{ dbt.type_string() }}) as conversation_id,
        _account_id || ':' || {{ whatsapp_contact('wa_id', 'user_id') }} as contact_id,
        _file_id as file_id
    from contacts

)

select * from final
