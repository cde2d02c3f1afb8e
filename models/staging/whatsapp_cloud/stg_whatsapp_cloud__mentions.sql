-- A message, its echo and its statuses share an id and count as one record. No record names a conversation, because
-- conversations are derived from messages.
{% set message_key = keyed_hash("_account_id || ':' || id") %}
{% set contact = whatsapp_contact('wa_id', 'user_id') %}
{% set recipient_contact = whatsapp_contact('recipient_id', 'recipient_user_id') %}

with

messages as (

    select * from {{ source('whatsapp_cloud', 'messages') }}

),

message_echoes as (

    select * from {{ source('whatsapp_cloud', 'message_echoes') }}

),

statuses as (

    select * from {{ source('whatsapp_cloud', 'statuses') }}

),

contacts as (

    select * from {{ source('whatsapp_cloud', 'contacts') }}

),

final as (

    {{ mention('messages', 'id', contact_id=whatsapp_customer(), row_id=message_key) }}
    from messages

    union all

    {{ mention('messages', 'id', contact_id=whatsapp_contact('recipient', 'to_user_id'), row_id=message_key) }}
    from message_echoes

    union all

    {{ mention('messages', 'id', contact_id=recipient_contact, row_id=message_key) }}
    from statuses

    union all

    {{ mention('contacts', contact, contact_id=contact) }}
    from contacts

)

select * from final
