create or replace macro report_trend(
    from_date, to_date, {{ optional_filters }}
) as table
with counts as (
    select started_on, count(*) as conversations
    from _started(
        from_date::date - 6, to_date, {{ filters }}
    )
    group by started_on
),
days as (
    select
        t.day::date as day,
        coalesce(counts.conversations, 0) as conversations,
        avg(coalesce(counts.conversations, 0)) over (order by t.day rows between 6 preceding and current row)
            as conversations_mean
    from range(from_date::date - 6, _last_day(from_date, to_date) + 1, interval 1 day) as t(day)
    left join counts on t.day::date = counts.started_on
)
select * from days where day >= from_date::date order by day;

comment on macro table report_trend is
    'The conversations of each day, and their mean over the day and the six days before it, which can be before the '
    'period. One row per day.';
