-- Reports count a day without data as a day without activity, unless they look here which days an account has data of.
{{ config(materialized='table') }}

with

overview as (

    select * from {{ ref('agg_overview') }}

),

data_through as (

    select * from {{ ref('int_data_through') }}

),

days as (

    select
        account_id,
        min(report_date) as first_day,
        max(case when messages > 0 then report_date end) as through_day,
        max(report_date) as last_day
    from overview
    group by account_id

),

final as (

    select
        days.account_id,
        days.first_day,
        days.through_day,
        days.last_day,
        data_through.data_through_at as data_through
    from days
    left join data_through
        on days.account_id = data_through.account_id

)

select * from final
