with

message_echoes as (

    select * from {{ source('whatsapp_cloud', 'message_echoes') }}

),

final as (

    select distinct
        {{ business_app('_account_id', 'phone_number_id') }} as agent_id,
        _account_id as account_id,
        'WhatsApp Business app' as agent_name,
        cast(null as {{ dbt.type_string() }}) as role,
        {{ empty_text_list() }} as team_names
    from message_echoes

)

select * from final
