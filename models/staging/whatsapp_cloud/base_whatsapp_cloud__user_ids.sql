with

contacts as (

    select * from {{ source('whatsapp_cloud', 'contacts') }}

),

messages as (

    select * from {{ source('whatsapp_cloud', 'messages') }}

),

message_echoes as (

    select * from {{ source('whatsapp_cloud', 'message_echoes') }}

),

statuses as (

    select * from {{ source('whatsapp_cloud', 'statuses') }}

),

mentioned as (

    select
        _account_id as account_id,
        user_id,
        wa_id
    from contacts

    union all

    select
        _account_id as account_id,
        from_user_id as user_id,
        sender as wa_id
    from messages

    union all

    select
        _account_id as account_id,
        to_user_id as user_id,
        recipient as wa_id
    from message_echoes

    union all

    select
        _account_id as account_id,
        recipient_user_id as user_id,
        recipient_id as wa_id
    from statuses

),

final as (

    select
        account_id,
        user_id,
        min({{ whatsapp_number('wa_id') }}) as wa_id
    from mentioned
    where
        user_id is not null
        and wa_id is not null
    group by account_id, user_id

)

select * from final
