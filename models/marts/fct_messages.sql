{{ config(unique_key='message_id', counts_on=['sent_on']) }}

with

messages as (

    select * from {{ ref('int_messages') }}
    where {{ is_changed() }}

),

-- A template with which an agent opens a conversation is not an agent message, because it answers nothing.
opening_templates as (

    select opening_template_id
    from {{ ref('int_conversation_messages') }}
    where opening_template_id is not null

),

calendar as (

    select * from {{ ref('int_calendar') }}

),

final as (

    select
        messages.message_id,
        messages.account_id,
        messages.source_message_id,
        messages.conversation_id,
        messages.contact_key,
        messages.owner_key,
        messages.agent_id,
        messages.direction,
        messages.source,
        messages.message_type,
        messages.delivery_status,
        messages.template_name,
        messages.error_code,
        messages.pricing_category,
        {{ build_id() }} as build_id,
        calendar.local_hour as sent_hour,
        messages.agent_id is not null
        and opening_templates.opening_template_id is null
        and not (messages.template_name is not null and messages.conversation_id is null) as is_agent_message,
        messages.is_automated,
        messages.is_billable,
        messages.has_conversation,
        calendar.local_on as sent_on,
        messages.sent_at,
        messages.delivered_at,
        messages.read_at,
        messages.failed_at
    from messages
    left join opening_templates
        on messages.message_id = opening_templates.opening_template_id
    left join calendar
        on {{ on_calendar('calendar', 'messages.account_id', 'messages.sent_at') }}

)

select * from final
