create or replace macro report_origins_over_time(
    from_date, to_date, {{ optional_filters }}, grain := 'day'
) as table
with period as materialized (
    from _period(from_date, to_date, {{ filters }})
),
counts as (
    select _period_start(grain, started_on) as period_start, origin, count(*) as conversations
    from _started(
        from_date, (select last_day from period), {{ filters }}
    )
    group by all
),
periods as (
    select distinct _period_start(grain, day::date) as period_start
    from range(from_date::date, _last_day(from_date, to_date) + 1, interval 1 day) as t(day)
    where _is_valid_choice('grain', grain, ['day', 'week', 'month', 'quarter', 'year'])
)
select periods.period_start, known_origins.origin, coalesce(counts.conversations, 0) as conversations
from periods
cross join (select distinct origin from counts) as known_origins
left join counts on periods.period_start = counts.period_start and known_origins.origin = counts.origin;

comment on macro table report_origins_over_time is
    'The number of conversations by origin, much faster than report_over_time. One row per day, week, month, quarter or '
    'year (grain) and origin.';
