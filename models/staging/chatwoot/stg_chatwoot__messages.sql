with

versions as (

    select
        *,
        coalesce(conversation_id, conversation_in_webhook) as conversation,
        -- A webhook contains the message as of its conversation's last change.
        coalesce(updated_at, conversation_updated_at, created_at) as exported_at
    from {{ raw_records('messages', source('chatwoot', 'messages')) }}

),

latest as (

    {{ latest_version('messages', 'versions', 'versions.exported_at') }}

),

-- Not every answer of the platform contains all fields of a message. A value of any version stays, and delivery only
-- advances.
merged as (

    select
        _account_id,
        id,
        max(campaign_id) as campaign_id,
        max(automation_rule_id) as automation_rule_id,
        max(template_name) as template_name,
        max(case when deleted = 'true' then 1 else 0 end) = 1 as is_deleted,
        max(case when external_echo = 'true' then 1 else 0 end) = 1 as is_from_phone,
        max(
            case lower(status)
                when 'progress' then 1
                when 'sent' then 2
                when 'failed' then 3
                when 'delivered' then 4
                when 'read' then 5
            end
        ) as delivery_rank
    from versions
    group by _account_id, id

),

sorted as (

    select
        latest._account_id,
        latest.id,
        latest.conversation,
        latest.content_type,
        merged.campaign_id,
        merged.automation_rule_id,
        merged.template_name,
        merged.is_deleted,
        merged.is_from_phone,
        merged.delivery_rank,
        coalesce(latest.sender_id, latest.webhook_sender_id) as sender_id,
        lower(replace(coalesce(latest.sender_type, latest.webhook_sender_type), '_', '')) as sender_type,
        case lower(latest.message_type)
            when '0' then 'incoming'
            when '1' then 'outgoing'
            when '2' then 'activity'
            when '3' then 'template'
            else lower(latest.message_type)
        end as kind,
        latest.created_at
    from latest
    inner join merged
        on
            latest._account_id = merged._account_id
            and latest.id = merged.id
    where {{ chatwoot_other_kind() }} is null

),

sent as (

    select
        *,
        case
            when kind = 'incoming' then 'contact'
            when campaign_id is not null then 'campaign'
            when automation_rule_id is not null then 'automation_rule'
            when kind = 'template' then 'template'
            when is_from_phone then 'business_app'
            when sender_type = 'user' then 'user'
            when sender_type is not null then 'agent_bot'
        end as source
    from sorted

),

final as (

    select
        _account_id || ':' || id as message_id,
        _account_id as account_id,
        id as source_message_id,
        _account_id || ':' || conversation as conversation_id,
        case when source = 'contact' then _account_id || ':' || sender_id end as contact_id,
        case
            when source = 'user' then _account_id || ':' || sender_id
            when source = 'business_app' then {{ business_app('_account_id') }}
        end as agent_id,
        -- A sender's name is not read: it can be a contact's.
        cast(null as {{ dbt.type_string() }}) as agent_name,
        case when source = 'contact' then 'inbound' else 'outbound' end as direction,
        source,
        lower(content_type) as message_type,
        case
            when source = 'contact' then 'received'
            when delivery_rank = 5 then 'read'
            when delivery_rank = 4 then 'delivered'
            when is_deleted then 'deleted'
            when delivery_rank = 3 then 'failed'
            when delivery_rank = 2 then 'sent'
            when delivery_rank = 1 then 'queued'
        end as delivery_status,
        template_name,
        cast(null as {{ dbt.type_string() }}) as error_code,
        cast(null as {{ dbt.type_string() }}) as pricing_category,
        coalesce(source = 'contact', false) as is_inbound,
        coalesce(source in ('campaign', 'automation_rule', 'template', 'agent_bot'), false) as is_automated,
        cast(null as boolean) as is_billable,
        -- The API exports whole seconds, webhooks fractions: in whole seconds both are equal.
        cast({{ dbt.date_trunc('second', 'created_at') }} as timestamp) as sent_at,
        cast(null as timestamp) as delivered_at,
        cast(null as timestamp) as read_at,
        cast(null as timestamp) as failed_at
    from sent

)

select * from final
