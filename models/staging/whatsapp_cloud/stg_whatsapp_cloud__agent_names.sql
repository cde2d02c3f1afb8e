with

messages as (

    select * from {{ source('whatsapp_cloud', 'messages') }}

),

message_echoes as (

    select * from {{ source('whatsapp_cloud', 'message_echoes') }}

),

business_messages as (

    select
        _account_id,
        phone_number_id,
        _file_id,
        timestamp
    from message_echoes

    union all

    select
        _account_id,
        phone_number_id,
        _file_id,
        timestamp
    from messages
    where {{ is_from_business() }}

),

final as (

    select
        {{ business_app('_account_id', 'phone_number_id') }} as agent_id,
        _account_id as account_id,
        'WhatsApp Business app' as agent_name,
        _file_id as file_id,
        timestamp as seen_at
    from business_messages

)

select * from final
