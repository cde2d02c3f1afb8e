-- What the reports measure of a period, written once for every grain and group.
--
-- Belongs here: the figures. Does not: which rows they are computed from (see `filters.sql`), nor how the tables are built.

-- The keys of what is measured: those that `grain` and `per` do not name are null, one value for all.
create or replace macro _period_start(grain, day) as case when grain is not null then date_trunc(grain, day)::date end;

create or replace macro _account(per, account_id) as case when per in ('account and origin', 'agent', 'tag') then account_id end;

create or replace macro _group(per, origin, agent_id, tag) as
    case per
        when 'agent' then coalesce(agent_id, 'Unassigned')
        when 'tag' then tag
        when 'origin' then origin
        when 'account and origin' then origin
        else 'total'
    end;

-- The figures of the period by day, week or month (`grain`; null: the period as a whole) and by group, which `per` names:
-- 'total', 'origin', 'account and origin', 'agent' or 'tag'. Agents and tags are grouped by account as well. Messages count
-- to the agent who sent them and first responses to the agent who gave them, all else to the conversation's agent. The total
-- has a row even without any activity. Times are in seconds. What cannot be known is null, never 0. Each kind of activity is
-- aggregated by itself, and the results are joined by group: one row for all of them together would be many times as wide.
create or replace macro _measured(
    from_date, to_date, accounts, agents, origins, conversation_tags, contact_tags, working_hours, grain, per
) as table
with started as not materialized (
    select *, unnest(tags) as tag
    from _started(from_date, to_date, accounts, agents, origins, conversation_tags, contact_tags, working_hours)
    where per = 'tag'
    union all by name
    from _started(from_date, to_date, accounts, agents, origins, conversation_tags, contact_tags, working_hours)
    where per <> 'tag'
),
counted as not materialized (
    select *, unnest(tags) as tag
    from _counted(from_date, to_date, accounts, agents, origins, conversation_tags, contact_tags, working_hours)
    where per = 'tag'
    union all by name
    from _counted(from_date, to_date, accounts, agents, origins, conversation_tags, contact_tags, working_hours)
    where per <> 'tag'
),
handled as (
    select
        _period_start(grain, c.started_on) as period_start,
        _account(per, c.account_id) as account_id,
        _group(per, c.origin, c.agent_id, c.tag) as group_id,
        count(*) as conversations,
        count(*) filter (where c.is_closed) as closed,
        sum(c.reopens)::bigint as reopens,
        count(*) filter (where c.is_one_touch) as one_touch,
        count(*) filter (where c.is_automation_only) as automation_only,
        sum(c.windows_missed)::bigint as windows_missed,
        sum(c.turns_answered)::bigint as turns_answered,
        sum(c.turns_unanswered)::bigint as turns_unanswered,
        count(c.duration_seconds) as duration_n,
        sum(c.duration_seconds) as duration_sum,
        avg(c.duration_seconds) as duration_avg,
        quantile_cont(c.duration_seconds, [0.5, 0.9]) as duration_quantiles,
        count(c.duration_working_seconds) as duration_working_n,
        sum(c.duration_working_seconds) as duration_working_sum,
        avg(c.duration_working_seconds) as duration_working_avg,
        quantile_cont(c.duration_working_seconds, [0.5, 0.9]) as duration_working_quantiles,
        count(c.wait_seconds) as wait_n,
        sum(c.wait_seconds) as wait_sum,
        avg(c.wait_seconds) as wait_avg,
        quantile_cont(c.wait_seconds, [0.5, 0.9]) as wait_quantiles,
        count(c.wait_working_seconds) as wait_working_n,
        sum(c.wait_working_seconds) as wait_working_sum,
        avg(c.wait_working_seconds) as wait_working_avg,
        quantile_cont(c.wait_working_seconds, [0.5, 0.9]) as wait_working_quantiles
    from started as c
    group by 1, 2, 3
),
responded as (
    select
        _period_start(grain, c.started_on) as period_start,
        _account(per, c.account_id) as account_id,
        _group(per, c.origin, c.responder_id, c.tag) as group_id,
        count(c.first_response_seconds) as first_response_n,
        sum(c.first_response_seconds) as first_response_sum,
        avg(c.first_response_seconds) as first_response_avg,
        quantile_cont(c.first_response_seconds, [0.5, 0.9]) as first_response_quantiles,
        count(c.first_response_working_seconds) as first_response_working_n,
        sum(c.first_response_working_seconds) as first_response_working_sum,
        avg(c.first_response_working_seconds) as first_response_working_avg,
        quantile_cont(c.first_response_working_seconds, [0.5, 0.9]) as first_response_working_quantiles
    from started as c
    where c.first_response_seconds is not null
    group by 1, 2, 3
),
met as (
    select
        _period_start(grain, c.started_on) as period_start,
        _account(per, c.account_id) as account_id,
        _group(per, c.origin, c.agent_id, c.tag) as group_id,
        count(distinct c.contact) as distinct_contacts
    from started as c
    group by 1, 2, 3
),
summed as (
    select
        _period_start(grain, n.day) as period_start,
        _account(per, n.account_id) as account_id,
        _group(per, n.origin, n.counted_agent_id, n.tag) as group_id,
        sum(n.messages)::bigint as messages,
        sum(n.inbound_messages)::bigint as inbound_messages,
        sum(n.agent_messages)::bigint as agent_messages,
        sum(n.automated_messages)::bigint as automated_messages,
        sum(n.surveys_sent)::bigint as surveys_sent,
        sum(n.csat_n)::bigint as csat_n,
        sum(n.csat_sum)::bigint as csat_sum,
        sum(n.satisfied)::bigint as satisfied,
        sum(n.dissatisfied)::bigint as dissatisfied,
        sum(n.rating_1)::bigint as rating_1,
        sum(n.rating_2)::bigint as rating_2,
        sum(n.rating_3)::bigint as rating_3,
        sum(n.rating_4)::bigint as rating_4,
        sum(n.rating_5)::bigint as rating_5
    from counted as n
    group by 1, 2, 3
),
measured as (
    from handled
    union all by name
    from responded
    union all by name
    from met
    union all by name
    from summed
    union all by name
    select 'total' as group_id
    where per = 'total'
)
select
    m.period_start,
    m.account_id,
    m.group_id,
    coalesce(any_value(m.conversations), 0) as conversations,
    coalesce(any_value(m.distinct_contacts), 0) as distinct_contacts,
    coalesce(any_value(m.messages), 0) as messages,
    coalesce(any_value(m.inbound_messages), 0) as inbound_messages,
    coalesce(any_value(m.agent_messages), 0) as agent_messages,
    coalesce(any_value(m.automated_messages), 0) as automated_messages,
    coalesce(any_value(m.closed), 0) as closed,
    coalesce(any_value(m.reopens), 0) as reopens,
    coalesce(any_value(m.one_touch), 0) as one_touch,
    coalesce(any_value(m.automation_only), 0) as automation_only,
    coalesce(any_value(m.windows_missed), 0) as windows_missed,
    coalesce(any_value(m.turns_answered), 0) as turns_answered,
    coalesce(any_value(m.turns_unanswered), 0) as turns_unanswered,
    coalesce(any_value(m.duration_n), 0) as duration_n,
    any_value(m.duration_sum) as duration_sum,
    any_value(m.duration_avg) as duration_avg,
    any_value(m.duration_quantiles)[1] as duration_median,
    any_value(m.duration_quantiles)[2] as duration_p90,
    coalesce(any_value(m.duration_working_n), 0) as duration_working_n,
    any_value(m.duration_working_sum) as duration_working_sum,
    any_value(m.duration_working_avg) as duration_working_avg,
    any_value(m.duration_working_quantiles)[1] as duration_working_median,
    any_value(m.duration_working_quantiles)[2] as duration_working_p90,
    coalesce(any_value(m.first_response_n), 0) as first_response_n,
    any_value(m.first_response_sum) as first_response_sum,
    any_value(m.first_response_avg) as first_response_avg,
    any_value(m.first_response_quantiles)[1] as first_response_median,
    any_value(m.first_response_quantiles)[2] as first_response_p90,
    coalesce(any_value(m.first_response_working_n), 0) as first_response_working_n,
    any_value(m.first_response_working_sum) as first_response_working_sum,
    any_value(m.first_response_working_avg) as first_response_working_avg,
    any_value(m.first_response_working_quantiles)[1] as first_response_working_median,
    any_value(m.first_response_working_quantiles)[2] as first_response_working_p90,
    coalesce(any_value(m.wait_n), 0) as wait_n,
    any_value(m.wait_sum) as wait_sum,
    any_value(m.wait_avg) as wait_avg,
    any_value(m.wait_quantiles)[1] as wait_median,
    any_value(m.wait_quantiles)[2] as wait_p90,
    coalesce(any_value(m.wait_working_n), 0) as wait_working_n,
    any_value(m.wait_working_sum) as wait_working_sum,
    any_value(m.wait_working_avg) as wait_working_avg,
    any_value(m.wait_working_quantiles)[1] as wait_working_median,
    any_value(m.wait_working_quantiles)[2] as wait_working_p90,
    coalesce(any_value(m.surveys_sent), 0) as surveys_sent,
    coalesce(any_value(m.csat_n), 0) as csat_n,
    any_value(m.csat_sum)::double as csat_sum,
    any_value(m.csat_sum) / any_value(m.csat_n) as csat_avg,
    coalesce(any_value(m.satisfied), 0) as satisfied,
    coalesce(any_value(m.dissatisfied), 0) as dissatisfied,
    any_value(m.satisfied) / nullif(any_value(m.csat_n), 0) as csat_score,
    any_value(m.csat_n) / nullif(any_value(m.surveys_sent), 0) as response_rate,
    coalesce(any_value(m.rating_1), 0) as rating_1,
    coalesce(any_value(m.rating_2), 0) as rating_2,
    coalesce(any_value(m.rating_3), 0) as rating_3,
    coalesce(any_value(m.rating_4), 0) as rating_4,
    coalesce(any_value(m.rating_5), 0) as rating_5
from measured as m
group by m.period_start, m.account_id, m.group_id;
