-- A table: both the messages and the conversations are read from it.
{{ config(materialized='table') }}

{% set before = 'rows between unbounded preceding and 1 preceding' %}
{% set thread -%}
    partition by account_id, channel_id, contact_id
    order by sent_at, case when is_inbound then 0 else 1 end, source_message_id
{%- endset %}

with

messages as (

    select * from {{ ref('base_whatsapp_cloud__messages') }}

),

preceded as (

    select
        *,
        max(case when is_inbound then sent_at end) over ({{ thread }} {{ before }}) as last_inbound_at
    from messages

),

-- Whether the customer service window is open, which depends on the contact's last message.
windowed as (

    select
        *,
        last_inbound_at is null
        or {{ seconds_between('last_inbound_at', 'sent_at') }} >= {{ window_seconds() }} as is_window_closed
    from preceded

),

-- A message of the business into the closed window awaits a reply for the same time.
asked as (

    select
        *,
        max(case when is_window_closed and not is_inbound then sent_at end) over (
            {{ thread }} {{ before }}
        ) as last_asked_at
    from windowed

),

opened as (

    select
        *,
        is_window_closed
        and (
            last_asked_at is null
            or {{ seconds_between('last_asked_at', 'sent_at') }} >= {{ window_seconds() }}
        ) as is_opening
    from asked

),

numbered as (

    select
        *,
        sum(case when is_opening then 1 else 0 end) over (
            {{ thread }} rows between unbounded preceding and current row
        ) as conversation_number
    from opened

),

final as (

    select
        account_id,
        source_message_id,
        -- A message without a contact is in no conversation.
        max(case when is_opening and contact_id is not null then source_message_id end) over (
            partition by account_id, channel_id, contact_id, conversation_number
        ) as source_conversation_id,
        contact_id,
        channel_id,
        source,
        message_type,
        delivery_status,
        error_code,
        pricing_category,
        is_inbound,
        is_billable,
        sent_at,
        delivered_at,
        read_at,
        failed_at
    from numbered

)

select * from final
