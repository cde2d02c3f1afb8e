with

threads as (

    select * from {{ ref('base_whatsapp_cloud__threads') }}

),

accounts as (

    select * from {{ accounts_with_api_messages() }} as accounts

),

-- A message that a person sends through the API to open a conversation is a template. It is neither an agent message
-- nor automated.
messages as (

    select
        threads.*,
        threads.source = 'api' and accounts.api_messages = 'people' as is_by_people,
        threads.source_message_id = threads.source_conversation_id as is_opening
    from threads
    left join accounts
        on threads.account_id = accounts.account_id

),

final as (

    select
        account_id || ':' || source_message_id as message_id,
        account_id,
        source_message_id,
        account_id || ':' || source_conversation_id as conversation_id,
        contact_id,
        case
            when source = 'business_app' then {{ business_app('account_id', 'channel_id') }}
            when is_by_people and not coalesce(is_opening, false) then {{ api_agent('account_id') }}
        end as agent_id,
        case when source = 'business_app' then 'WhatsApp Business app' end as agent_name,
        case when is_inbound then 'inbound' else 'outbound' end as direction,
        source,
        message_type,
        delivery_status,
        cast(null as {{ dbt.type_string() }}) as template_name,
        error_code,
        pricing_category,
        is_inbound,
        source = 'api' and not coalesce(is_by_people, false) as is_automated,
        is_billable,
        sent_at,
        delivered_at,
        read_at,
        failed_at
    from messages

)

select * from final
