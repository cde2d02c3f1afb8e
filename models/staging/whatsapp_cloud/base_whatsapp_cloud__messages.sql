{# Notices that the platform sends in the form of a message. #}
{% set notices = "('system', 'request_welcome', 'edit', 'revoke')" %}

with

messages as (

    select * from {{ raw_records('messages', source('whatsapp_cloud', 'messages')) }}

),

message_echoes as (

    select * from {{ raw_records('messages', source('whatsapp_cloud', 'message_echoes')) }}

),

deliveries as (

    select * from {{ ref('base_whatsapp_cloud__deliveries') }}

),

identities as (

    select * from {{ ref('int_contact_identities') }}

),

latest_messages as (

    {{ latest_version('messages', 'messages', 'cast(null as timestamp)') }}

),

latest_echoes as (

    {{ latest_version('message_echoes', 'message_echoes', 'cast(null as timestamp)') }}

),

sent as (

    select
        _account_id as account_id,
        id,
        phone_number_id,
        sender as wa_id,
        from_user_id as user_id,
        'inbound' as source,
        lower(type) as message_type,
        timestamp as sent_at
    from latest_messages
    where coalesce(lower(type), '') not in {{ notices }}

    union all

    select
        _account_id as account_id,
        id,
        phone_number_id,
        recipient as wa_id,
        to_user_id as user_id,
        'business_app' as source,
        lower(type) as message_type,
        timestamp as sent_at
    from latest_echoes
    where coalesce(lower(type), '') not in {{ notices }}

    union all

    -- A message sent through the API is known by its statuses alone.
    select
        account_id,
        id,
        phone_number_id,
        recipient_id as wa_id,
        recipient_user_id as user_id,
        'api' as source,
        cast(null as {{ dbt.type_string() }}) as message_type,
        first_at as sent_at
    from deliveries

),

ranked as (

    select
        *,
        row_number() over (
            partition by account_id, id
            order by case source when 'inbound' then 1 when 'business_app' then 2 else 3 end
        ) as source_rank
    from sent

),

known as (

    select
        *,
        source = 'inbound' as is_inbound
    from ranked
    where source_rank = 1

),

final as (

    select
        known.account_id,
        {{ keyed_hash("known.account_id || ':' || known.id") }} as source_message_id,
        identities.canonical_contact_id as contact_id,
        known.phone_number_id as channel_id,
        known.source,
        known.message_type,
        case when known.is_inbound then 'received' else deliveries.delivery_status end as delivery_status,
        deliveries.error_code,
        deliveries.pricing_category,
        known.is_inbound,
        deliveries.is_billable,
        known.sent_at,
        deliveries.delivered_at,
        deliveries.read_at,
        deliveries.failed_at
    from known
    left join deliveries
        on
            known.account_id = deliveries.account_id
            and known.id = deliveries.id
    left join identities
        on known.account_id || ':' || {{ whatsapp_contact('known.wa_id', 'known.user_id') }} = identities.contact_id

)

select * from final
