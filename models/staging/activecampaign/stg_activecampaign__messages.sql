-- The version of a message without an update time is that of its latest instant.
{% set updated_at -%}
    coalesce(
        versions.last_updated_on,
        greatest(
            versions.timestamp,
            versions.queued_on,
            versions.accepted_on,
            versions.sent_on,
            versions.delivered_on,
            versions.read_on,
            versions.failed_on
        )
    )
{%- endset %}

with

codes as (

    select * from {{ ref('delivery_statuses') }}
    where platform = 'activecampaign'

),

latest as (

    {{ latest_version('messages', raw_records('messages', source('activecampaign', 'messages')), updated_at) }}

),

classified as (

    select
        latest.*,
        codes.delivery_status,
        upper(latest.direction) = 'INBOUND' as is_inbound,
        latest.sent_by.id is not null
        and upper(coalesce(latest.sent_by.role, '')) not in ('BOT', 'SYSTEM') as is_by_person,
        upper(coalesce(latest.source, 'INBOX')) = 'INBOX' as is_from_inbox,
        upper(latest.source) in ('FLOW', 'AUTO_RESPONSE', 'API', 'BROADCAST') as is_from_automation
    from latest
    left join codes
        on upper(latest.status) = codes.source_status
    where {{ activecampaign_other_kind() }} is null

),

final as (

    select
        _account_id || ':' || id as message_id,
        _account_id as account_id,
        id as source_message_id,
        _account_id || ':' || conversation as conversation_id,
        _account_id || ':' || contact as contact_id,
        case
            when not is_inbound and is_by_person and is_from_inbox then _account_id || ':' || sent_by.id
        end as agent_id,
        {{ full_name('sent_by') }} as agent_name,
        lower(direction) as direction,
        lower(source) as source,
        lower(msg_type) as message_type,
        -- The furthest step counts: a message that was read stays read, regardless of its last code.
        case
            when is_inbound then 'received'
            when read_on is not null or delivery_status = 'read' then 'read'
            when delivered_on is not null or delivery_status = 'delivered' then 'delivered'
            when delivery_status = 'deleted' then 'deleted'
            when failed_on is not null or delivery_status = 'failed' then 'failed'
            when sent_on is not null or delivery_status = 'sent' then 'sent'
            when coalesce(accepted_on, queued_on) is not null or delivery_status = 'queued' then 'queued'
        end as delivery_status,
        whatsapp_template as template_name,
        provider_error_code as error_code,
        cast(null as {{ dbt.type_string() }}) as pricing_category,
        is_inbound,
        not is_inbound and coalesce(is_from_automation, false) as is_automated,
        cast(null as boolean) as is_billable,
        timestamp as sent_at,
        delivered_on as delivered_at,
        read_on as read_at,
        failed_on as failed_at
    from classified

)

select * from final
