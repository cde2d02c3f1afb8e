{{ config(meta={'dagster': {'ref': {'name': 'int_calendar'}}}) }}

-- An account without working hours has null, not zero, in every interval. Any other account has a value in each.
select
    calendar.account_id,
    count(*) as intervals
from {{ ref('int_calendar') }} as calendar
left join {{ ref('working_hours') }} as working_hours
    on calendar.account_id = working_hours.account_id
where
    (calendar.is_working is null) <> (working_hours.account_id is null)
    or (calendar.working_seconds_before is null) <> (working_hours.account_id is null)
group by calendar.account_id
