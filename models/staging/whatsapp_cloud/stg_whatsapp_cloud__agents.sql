with

messages as (

    select * from {{ source('whatsapp_cloud', 'messages') }}

),

message_echoes as (

    select * from {{ source('whatsapp_cloud', 'message_echoes') }}

),

accounts as (

    select * from {{ accounts_with_api_messages() }} as accounts

),

numbers as (

    select
        _account_id as account_id,
        phone_number_id
    from message_echoes

    union distinct

    select
        _account_id as account_id,
        phone_number_id
    from messages
    where {{ is_from_business() }}

),

final as (

    select
        {{ business_app('account_id', 'phone_number_id') }} as agent_id,
        account_id,
        'WhatsApp Business app' as agent_name,
        cast(null as {{ dbt.type_string() }}) as role,
        {{ empty_text_list() }} as team_names
    from numbers

    union all

    select
        {{ api_agent('account_id') }} as agent_id,
        account_id,
        'WhatsApp API' as agent_name,
        cast(null as {{ dbt.type_string() }}) as role,
        {{ empty_text_list() }} as team_names
    from accounts
    where
        platform = 'whatsapp_cloud'
        and api_messages = 'people'

)

select * from final
