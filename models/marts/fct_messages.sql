with

messages as (

    select * from {{ ref('int_messages') }}

),

contacts as (

    select * from {{ ref('int_contacts') }}

),

final as (

    select
        messages.message_id,
        messages.account_id,
        messages.source_message_id,
        messages.conversation_id,
        contacts.contact_key,
        messages.agent_id,
        messages.direction,
        messages.source,
        messages.message_type,
        messages.delivery_status,
        messages.template_name,
        messages.error_code,
        messages.pricing_category,
        messages.sent_hour,
        messages.is_agent_message,
        messages.is_automated,
        messages.is_billable,
        messages.has_conversation,
        messages.sent_on,
        messages.sent_at,
        messages.delivered_at,
        messages.read_at,
        messages.failed_at
    from messages
    left join contacts
        on messages.contact_id = contacts.contact_id

)

select * from final
