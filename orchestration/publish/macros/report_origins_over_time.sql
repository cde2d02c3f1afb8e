create or replace macro report_origins_over_time(
    from_date, to_date, accounts := null, agents := null, origins := null, conversation_tags := null,
    contact_tags := null, working_hours := null, grain := 'day'
) as table
with counted as (
    select date_trunc(grain, started_on)::date as period_start, origin, count(*) as conversations
    from _started(
        from_date, to_date, accounts, agents, origins, conversation_tags, contact_tags, working_hours
    )
    group by all
),
periods as (
    select distinct date_trunc(grain, day)::date as period_start
    from range(from_date::date, to_date::date + 1, interval 1 day) as t(day)
)
select periods.period_start, named.origin, coalesce(counted.conversations, 0) as conversations
from periods
cross join (select distinct origin from counted) as named
left join counted on periods.period_start = counted.period_start and named.origin = counted.origin;

comment on macro table report_origins_over_time is
    'The number of conversations alone, at a small part of the cost of report_over_time. One row per day, week or '
    'month (grain) and origin.';
