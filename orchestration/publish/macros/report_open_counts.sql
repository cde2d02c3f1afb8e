create or replace macro _age(seconds) as
    case
        when seconds < 3600 then 1
        when seconds < 14400 then 2
        when seconds < 86400 then 3
        when seconds < 259200 then 4
        when seconds < 604800 then 5
        else 6
    end;
comment on macro _age is 'Internal: the number of the band that an age in seconds is in.';

create or replace macro report_open_counts({{ optional_filters }}) as table
with labelled as (
    select *, _age(open_seconds)::varchar as age
    from report_open({{ filters }})
)
select
    case
        when is_in_flow then 'in_flow'
        when grouping(age) = 0 then 'age'
        when grouping(agent_id) = 0 then 'agent'
        when grouping(channel_id) = 0 then 'channel'
        when grouping(team_id) = 0 then 'team'
        else 'total'
    end as per,
    account_id,
    coalesce(age, agent_id, channel_id, team_id) as group_id,
    case
        when grouping(agent_id) = 0 then any_value(agent_name)
        when grouping(channel_id) = 0 then coalesce(channel_id, 'No channel')
        when grouping(team_id) = 0 then coalesce(team_id, 'No team')
        else age
    end as group_name,
    count(*) as open,
    count(*) filter (where is_waiting) as waiting,
    count(*) filter (where agent_id_of is null) as unassigned,
    count(*) filter (where open_seconds >= 86400) as open_over_1_day,
    count(*) filter (where open_seconds >= 604800) as open_over_7_days,
    max(waiting_seconds)::bigint as longest_waiting_seconds,
    quantile_cont(waiting_seconds, 0.5) as waiting_seconds_median
from (select *, agent_id as agent_id_of from labelled)
group by grouping sets (
    (is_in_flow),
    (is_in_flow, age),
    (is_in_flow, account_id, agent_id),
    (is_in_flow, account_id, channel_id),
    (is_in_flow, account_id, team_id)
)
having not is_in_flow or (grouping(age) = 1 and grouping(account_id) = 1);

comment on macro table report_open_counts is
    'How many conversations of report_open there are, how many of them wait for an answer, have no agent, and are open for more '
    'than 1 and 7 days: in all, by age (bands 1 to 6: under 1, 4 and 24 hours, under 3 and 7 days, 7 days and more), by agent, '
    'channel and team. Conversations that a bot still handles are in the row in_flow only. Ages are those of report_open. One row '
    'per kind of group (per), account and group.';
