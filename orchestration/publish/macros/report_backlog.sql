create or replace macro report_backlog(from_date, to_date, {{ optional_filters }}) as table
with periods as (
    select
        p.account_id,
        p.agent_id,
        local_time(p.opened_at, account.time_zone)::date as opened_on,
        local_time(p.opened_at + interval 24 hours, account.time_zone)::date as over_1_day_on,
        local_time(p.opened_at + interval 168 hours, account.time_zone)::date as over_7_days_on,
        coalesce(local_time(p.left_at, account.time_zone)::date, 'infinity'::date) as left_on
    from reporting.rpt_open_periods as p
    inner join dim_accounts as account on p.account_id = account.account_id
    where _are_known({{ filters }}) and _is_selected(p, {{ filters }})
        -- A local day is less than a day away from that of the instant. This excludes early what the period cannot contain.
        and p.opened_at < to_date::date + interval 2 days
        and (p.left_at is null or p.left_at >= from_date::date - interval 1 day)
),
-- The days that an account has data of.
last_days as (
    select account_id, through_day as last_on
    from report_coverage(accounts)
),
days as (
    select last_days.account_id, t.day::date as day
    from last_days
    inner join range(from_date::date, _last_day(from_date, to_date) + 1, interval 1 day) as t(day)
        on t.day::date <= last_days.last_on
)
select
    days.account_id,
    p.agent_id,
    coalesce(any_value(dim_agents.agent_name), p.agent_id, 'Unassigned') as agent_name,
    days.day as report_date,
    count(*) as open,
    count(*) filter (where p.over_1_day_on <= days.day) as open_over_1_day,
    count(*) filter (where p.over_7_days_on <= days.day) as open_over_7_days
from days
inner join periods as p on days.account_id = p.account_id and p.opened_on <= days.day and p.left_on > days.day
left join dim_agents on p.agent_id = dim_agents.agent_id
group by days.account_id, p.agent_id, days.day
order by report_date, days.account_id, agent_name;

comment on macro table report_backlog is
    'The conversations that are open at the end of each day, and those of them that have been open for more than 1 and 7 '
    'days. One row per account, agent and day with an open conversation.';
