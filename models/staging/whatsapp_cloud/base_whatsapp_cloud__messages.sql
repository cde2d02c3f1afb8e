with

messages as (

    select
        *,
        {{ is_from_business() }} as is_own,
        {{ whatsapp_customer() }} as customer
    from {{ raw_records('messages', source('whatsapp_cloud', 'messages')) }}
    where {{ whatsapp_other_message_kind() }} is null

),

message_echoes as (

    select * from {{ raw_records('messages', source('whatsapp_cloud', 'message_echoes')) }}
    where {{ whatsapp_other_message_kind() }} is null

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

-- The history contains a message with media twice, but only once in the thread of its customer.
merged as (

    select
        _account_id,
        id,
        max(case when is_own then 1 else 0 end) = 1 as is_own,
        max(case when is_own then customer end) as customer_of_own
    from messages
    group by _account_id, id

),

sent as (

    select
        latest_messages._account_id as account_id,
        latest_messages.id,
        latest_messages.phone_number_id,
        case when merged.is_own then merged.customer_of_own else latest_messages.customer end as customer,
        case when merged.is_own then 'business_app' else 'inbound' end as source,
        lower(latest_messages.type) as message_type,
        latest_messages.timestamp as sent_at
    from latest_messages
    inner join merged
        on
            latest_messages._account_id = merged._account_id
            and latest_messages.id = merged.id

    union all

    select
        _account_id as account_id,
        id,
        phone_number_id,
        {{ whatsapp_contact('recipient', 'to_user_id') }} as customer,
        'business_app' as source,
        lower(type) as message_type,
        timestamp as sent_at
    from latest_echoes

    union all

    -- A message sent through the API is known from its statuses only.
    select
        account_id,
        id,
        phone_number_id,
        {{ whatsapp_contact('recipient_id', 'recipient_user_id') }} as customer,
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
        on known.account_id || ':' || known.customer = identities.contact_id

)

select * from final
