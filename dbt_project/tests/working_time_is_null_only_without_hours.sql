{{ config(meta={'dagster': {'ref': {'name': 'int_calendar'}}}) }}

-- An account without hours has no working time at all; any other has it everywhere.
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
