-- A message, its echo and its statuses are one record: they share its id. Conversations are cut from the messages, so
-- that no record names one.
{% set message_key = keyed_hash("_account_id || ':' || id") %}
{% set contact = whatsapp_contact('wa_id', 'user_id') %}
{% set receiver = whatsapp_contact('recipient_id', 'recipient_user_id') %}

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

    {{ mention('messages', 'id', contact_id=receiver, row_id=message_key) }}
    from statuses

    union all

    {{ mention('contacts', contact, contact_id=contact) }}
    from contacts

)

select * from final
