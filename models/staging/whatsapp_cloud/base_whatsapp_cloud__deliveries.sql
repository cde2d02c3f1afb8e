with

statuses as (

    select * from {{ raw_records('messages', source('whatsapp_cloud', 'statuses')) }}
    where {{ whatsapp_other_status_kind() }} is null

),

codes as (

    select * from {{ ref('delivery_statuses') }}
    where platform = 'whatsapp_cloud'

),

translated as (

    select
        statuses._account_id as account_id,
        statuses.id,
        statuses.phone_number_id,
        statuses.recipient_id,
        statuses.recipient_user_id,
        codes.delivery_status,
        {{ last_element('statuses.errors') }} as error,
        statuses.pricing_category,
        statuses.billable,
        statuses.timestamp as occurred_at,
        row_number() over (
            partition by statuses._account_id, statuses.id
            order by
                case when statuses.pricing_category is null then 1 else 0 end asc,
                case when statuses.billable is null then 1 else 0 end asc,
                statuses.timestamp desc,
                statuses.pricing_category asc,
                statuses.billable asc
        ) as price_rank
    from statuses
    left join codes
        on upper(statuses.status) = codes.source_status

),

-- Statuses are repeated and in any order: the furthest step counts, at its first time.
folded as (

    select
        account_id,
        id,
        max(phone_number_id) as phone_number_id,
        max(recipient_id) as recipient_id,
        max(recipient_user_id) as recipient_user_id,
        max(error.code) as error_code,
        max(case when price_rank = 1 then pricing_category end) as pricing_category,
        max(case when price_rank = 1 then billable end) as billable,
        max(case when delivery_status = 'deleted' then 1 else 0 end) as deletions,
        min(occurred_at) as first_at,
        min(case when delivery_status = 'sent' then occurred_at end) as sent_at,
        min(case when delivery_status = 'delivered' then occurred_at end) as delivered_at,
        min(case when delivery_status = 'read' then occurred_at end) as read_at,
        min(case when delivery_status = 'failed' then occurred_at end) as failed_at
    from translated
    group by account_id, id

),

final as (

    select
        account_id,
        id,
        phone_number_id,
        recipient_id,
        recipient_user_id,
        case
            when read_at is not null then 'read'
            when delivered_at is not null then 'delivered'
            when deletions > 0 then 'deleted'
            when failed_at is not null then 'failed'
            when sent_at is not null then 'sent'
        end as delivery_status,
        error_code,
        pricing_category,
        billable = 'true' as is_billable,
        first_at,
        delivered_at,
        read_at,
        failed_at
    from folded

)

select * from final
