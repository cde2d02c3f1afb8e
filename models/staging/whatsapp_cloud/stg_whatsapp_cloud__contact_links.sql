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

named as (

    select
        _account_id as account_id,
        sender as wa_id,
        from_user_id as user_id,
        _file_id as file_id
    from messages
    where not {{ is_from_business() }}

    union all

    select
        _account_id as account_id,
        recipient as wa_id,
        to_user_id as user_id,
        _file_id as file_id
    from message_echoes

    union all

    select
        _account_id as account_id,
        recipient_id as wa_id,
        recipient_user_id as user_id,
        _file_id as file_id
    from statuses

    union all

    select
        _account_id as account_id,
        wa_id,
        user_id,
        _file_id as file_id
    from contacts

),

final as (

    -- A number and a user id in one record are one contact.
    select
        account_id,
        account_id || ':' || {{ whatsapp_number('wa_id') }} as contact_id,
        account_id || ':' || user_id as linked_contact_id,
        file_id
    from named
    where
        wa_id is not null
        and user_id is not null

    union all

    -- A notice of a changed number links the old number and the new one.
    select
        _account_id as account_id,
        _account_id || ':' || {{ whatsapp_contact('sender', 'from_user_id') }} as contact_id,
        _account_id || ':' || {{ whatsapp_number('new_wa_id') }} as linked_contact_id,
        _file_id as file_id
    from messages
    where new_wa_id is not null

)

select * from final
