{{ config(unique_key=['account_id', 'report_date']) }}

with

messages as (

    select * from {{ ref('fct_messages') }}

),

-- A message that was read was delivered, and one that was delivered was sent, whether or not the platform reports it.
outbound as (

    select
        account_id,
        coalesce(template_name, 'No template') as template_name,
        pricing_category,
        delivery_status in ('sent', 'delivered', 'read', 'deleted') as is_sent,
        delivery_status in ('delivered', 'read') as is_delivered,
        delivery_status = 'read' as is_read,
        delivery_status = 'failed' as is_failed,
        is_billable,
        sent_on as report_date
    from messages
    where
        direction = 'outbound'
        and {{ is_on_changed_day('sent_on') }}

),

counted as (

    select
        account_id,
        template_name,
        pricing_category,
        count(*) as messages,
        count(case when is_sent then 1 end) as sent,
        count(case when is_delivered then 1 end) as delivered,
        count(case when is_read then 1 end) as read,
        count(case when is_failed then 1 end) as failed,
        count(case when is_billable then 1 end) as billable,
        report_date
    from outbound
    group by account_id, template_name, pricing_category, report_date

),

final as (

    select
        account_id,
        template_name,
        pricing_category,
        {{ build_id() }} as build_id,
        messages,
        sent,
        delivered,
        read,
        failed,
        billable,
        delivered / nullif(cast(sent as double), 0) as delivery_rate,
        read / nullif(cast(delivered as double), 0) as read_rate,
        failed / nullif(cast(sent + failed as double), 0) as failure_rate,
        report_date
    from counted

)

select * from final
