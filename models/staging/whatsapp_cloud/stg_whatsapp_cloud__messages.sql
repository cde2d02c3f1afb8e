with

threads as (

    select * from {{ ref('base_whatsapp_cloud__threads') }}

),

final as (

    select
        account_id || ':' || source_message_id as message_id,
        account_id,
        source_message_id,
        account_id || ':' || source_conversation_id as conversation_id,
        contact_id,
        case when source = 'business_app' then {{ business_app('account_id', 'channel_id') }} end as agent_id,
        case when source = 'business_app' then 'WhatsApp Business app' end as agent_name,
        case when is_inbound then 'inbound' else 'outbound' end as direction,
        source,
        message_type,
        delivery_status,
        cast(null as {{ dbt.type_string() }}) as template_name,
        error_code,
        pricing_category,
        is_inbound,
        source = 'api' as is_automated,
        is_billable,
        sent_at,
        delivered_at,
        read_at,
        failed_at
    from threads

)

select * from final
