{{ config(meta={'dagster': {'ref': {'name': 'int_calendar'}}}) }}

select
    calendar.account_id,
    calendar.starts_at,
    holidays.name
from {{ ref('int_calendar') }} as calendar
inner join {{ ref('holidays') }} as holidays
    on
        calendar.account_id = holidays.account_id
        and calendar.local_on = holidays.holiday_on
where calendar.is_working
