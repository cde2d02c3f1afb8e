with

message_echoes as (

    select * from {{ source('whatsapp_cloud', 'message_echoes') }}

),

final as (

    select
        {{ business_app('_account_id', 'phone_number_id') }} as agent_id,
        _account_id as account_id,
        'WhatsApp Business app' as agent_name,
        _file_id as file_id,
        timestamp as seen_at
    from message_echoes

)

select * from final
