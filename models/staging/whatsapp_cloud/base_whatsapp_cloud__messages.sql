{# What the platform tells in the form of a message though nobody wrote it. #}
{% set notices = "('system', 'request_welcome', 'edit', 'revoke')" %}

with

messages as (

    select * from {{ source('whatsapp_cloud', 'messages') }}

),

message_echoes as (

    select * from {{ source('whatsapp_cloud', 'message_echoes') }}

),

deliveries as (

    select * from {{ ref('base_whatsapp_cloud__deliveries') }}

),

user_ids as (

    select * from {{ ref('base_whatsapp_cloud__user_ids') }}

),

latest_messages as (

    {{ latest_version('messages', 'messages', 'cast(null as timestamp)') }}

),

latest_echoes as (

    {{ latest_version('message_echoes', 'message_echoes', 'cast(null as timestamp)') }}

),

told as (

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

    -- What was sent through the API is known by its statuses alone.
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
    from told

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
        known.account_id || ':' || coalesce(
            {{ whatsapp_number('known.wa_id') }}, user_ids.wa_id, known.user_id
        ) as contact_id,
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
    left join user_ids
        on
            known.account_id = user_ids.account_id
            and known.user_id = user_ids.user_id

)

select * from final
