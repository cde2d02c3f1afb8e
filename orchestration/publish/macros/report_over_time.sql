create or replace macro report_over_time(
    from_date, to_date, {{ optional_filters }}, grain := 'day', per := 'total'
) as table
with measured as (
    from _measured(
        from_date, to_date, {{ filters }}, grain, per
    )
),
periods as (
    select distinct _period_start(grain, day::date) as period_start
    from range(from_date::date, _last_day(from_date, to_date) + 1, interval 1 day) as t(day)
    where _is_valid_choice('grain', grain, ['day', 'week', 'month', 'quarter', 'year'])
        and _is_valid_choice('per', per, ['total', 'origin', 'agent', 'channel', 'team', 'tag'])
),
groups as (
    select distinct account_id, group_id from measured
),
filled as (
    select
        periods.period_start,
        groups.account_id,
        groups.group_id,
        measured.* exclude (period_start, account_id, group_id)
    from periods
    cross join groups
    left join measured
        on periods.period_start = measured.period_start
        and groups.group_id = measured.group_id
        and groups.account_id is not distinct from measured.account_id
)
select
    filled.period_start,
    filled.account_id,
    filled.group_id,
    coalesce((select agent_name from dim_agents where per = 'agent' and agent_id = filled.group_id), filled.group_id)
        as group_name,
    coalesce(
        columns(
            lambda name: not regexp_matches(name, '^(period_start|reopens|.*_id|.*_(sum|avg|median|p90|score|rate))$')
        ),
        0
    ),
    case when coalesce(filled.conversations, 0) = 0 then 0 else filled.reopens end as reopens,
    columns(lambda name: regexp_matches(name, '_(sum|avg|median|p90|score|rate)$'))
from filled;

comment on macro table report_over_time is
    'The figures by day, week, month, quarter or year (grain; weeks begin on Monday) and by group (per: total, origin, agent, '
    'channel, team or tag, the last four by account). Every group has a row for every interval, with zeros and nulls without '
    'activity. The first and the last interval contain only the days of the period. One row per interval and group.';
