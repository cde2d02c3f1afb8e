with

messages as (

    select
        *,
        {{ is_from_business() }} as is_own,
        {{ whatsapp_customer() }} as customer
    from {{ raw_records('messages', source('whatsapp_cloud', 'messages')) }}
    where {{ kind_of_other_message() }} is null

),

message_echoes as (

    select * from {{ raw_records('messages', source('whatsapp_cloud', 'message_echoes')) }}
    where {{ kind_of_other_message() }} is null

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

-- The history contains a message with media twice, but only one of the two names the thread of its customer.
senders as (

    select
        _account_id,
        id,
        max(case when is_own then 1 else 0 end) = 1 as is_own,
        max(case when is_own then customer end) as customer_of_own
    from messages
    group by _account_id, id

),

all_messages as (

    select
        latest_messages._account_id as account_id,
        latest_messages.id,
        latest_messages.phone_number_id,
        case when senders.is_own then senders.customer_of_own else latest_messages.customer end as customer,
        case when senders.is_own then 'business_app' else 'inbound' end as source,
        lower(latest_messages.type) as message_type,
        latest_messages.timestamp as sent_at
    from latest_messages
    inner join senders
        on
            latest_messages._account_id = senders._account_id
            and latest_messages.id = senders.id

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

    -- A message that was sent through the API appears only in its statuses.
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

ranked_messages as (

    select
        *,
        row_number() over (
            partition by account_id, id
            order by case source when 'inbound' then 1 when 'business_app' then 2 else 3 end
        ) as source_rank
    from all_messages

),

distinct_messages as (

    select
        *,
        source = 'inbound' as is_inbound
    from ranked_messages
    where source_rank = 1

),

final as (

    select
        distinct_messages.account_id,
        {{ keyed_hash("distinct_messages.account_id || ':' || distinct_messages.id") }} as source_message_id,
        identities.canonical_contact_id as contact_id,
        distinct_messages.phone_number_id as channel_id,
        distinct_messages.source,
        distinct_messages.message_type,
        case when distinct_messages.is_inbound then 'received' else deliveries.delivery_status end as delivery_status,
        deliveries.error_code,
        deliveries.pricing_category,
        distinct_messages.is_inbound,
        deliveries.is_billable,
        distinct_messages.sent_at,
        deliveries.delivered_at,
        deliveries.read_at,
        deliveries.failed_at
    from distinct_messages
    left join deliveries
        on
            distinct_messages.account_id = deliveries.account_id
            and distinct_messages.id = deliveries.id
    left join identities
        on distinct_messages.account_id || ':' || distinct_messages.customer = identities.contact_id

)

select * from final
