create or replace macro report_trend(
    from_date, to_date, {{ optional_filters }}
) as table
with period as materialized (
    from _period(from_date, to_date, {{ filters }})
),
counts as (
    select started_on, count(*) as conversations
    from _started(
        from_date::date - 6, (select last_day from period), {{ filters }}
    )
    group by started_on
),
covered as (
    select min(first_day) as first_day, max(through_day) as through_day
    from report_coverage(accounts)
),
days as (
    select
        t.day::date as day,
        coalesce(counts.conversations, 0) as conversations,
        -- Unknown where one of the seven days has no data.
        case
            when t.day::date - 6 >= covered.first_day and t.day::date <= covered.through_day
                then avg(coalesce(counts.conversations, 0)) over (order by t.day rows between 6 preceding and current row)
        end as conversations_mean
    from range(from_date::date - 6, _last_day(from_date, to_date) + 1, interval 1 day) as t(day)
    cross join covered
    left join counts on t.day::date = counts.started_on
)
select * from days where day >= from_date::date order by day;

comment on macro table report_trend is
    'The conversations of each day, and their mean over it and the six days before it, including days before the '
    'period. The mean is null where the accounts have no data of all seven days. One row per day.';
