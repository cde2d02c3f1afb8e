-- The measures of a period, defined once for every grain and group.
--
-- Belongs here: the measures. Does not: the selection of their rows (see `filters.sql`), nor the tables (see `models/marts`).

-- The keys of the measures. A key that `grain` and `per` do not name is null.
create or replace macro _period_start(grain, day) as
    case grain
        when 'day' then day::date
        when 'week' then date_trunc('week', day)::date
        when 'month' then date_trunc('month', day)::date
        when 'quarter' then date_trunc('quarter', day)::date
        when 'year' then date_trunc('year', day)::date
    end;
comment on macro _period_start is 'Internal: the first day of the day, week, month, quarter or year.';

create or replace macro _account(per, account_id) as case when per not in ('total', 'origin') then account_id end;
comment on macro _account is 'Internal: the account of a group; null where groups span accounts.';

create or replace macro _group(per, origin, agent_id, channel_id, team_id, tag) as
    case per
        when 'agent' then coalesce(agent_id, 'Unassigned')
        when 'channel' then coalesce(channel_id, 'No channel')
        when 'team' then coalesce(team_id, 'No team')
        when 'tag' then tag
        when 'origin' then origin
        when 'account and origin' then origin
        else 'total'
    end;
comment on macro _group is 'Internal: the group that a row counts in.';

-- The measures of the period by `grain` (day, week, month, quarter or year; null for the whole period) and by group. `per` is the
-- kind of group: 'total', 'origin', 'account and origin', 'agent', 'channel', 'team' or 'tag'. All but the first two are also
-- grouped by account. Outbound messages count for the agent who sent them, first responses and replies for the agent who gave
-- them, surveys and ratings for the rated agent, everything else for the agent of the conversation. The total has a row even
-- without activity. Times are in seconds. An unknown value is null, never 0. Each kind of activity is aggregated separately and
-- the results are joined by group, because a union of all activity would be many times as wide.
create or replace macro _measured(from_date, to_date, {{ filters }}, grain, per) as table
with period as materialized (
    from _period(from_date, to_date, {{ filters }})
),
started as not materialized (
    select *, unnest(tags) as tag
    from _started(from_date, (select last_day from period), {{ filters }})
    where per = 'tag'
    union all by name
    from _started(from_date, (select last_day from period), {{ filters }})
    where per <> 'tag'
),
asked as not materialized (
    select *, unnest(tags) as tag
    from _asked(from_date, (select last_day from period), {{ filters }})
    where per = 'tag'
    union all by name
    from _asked(from_date, (select last_day from period), {{ filters }})
    where per <> 'tag'
),
counted as not materialized (
    select *, unnest(tags) as tag
    from _counted(from_date, (select last_day from period), {{ filters }})
    where per = 'tag'
    union all by name
    from _counted(from_date, (select last_day from period), {{ filters }})
    where per <> 'tag'
),
conversation_measures as (
    select
        _period_start(grain, c.started_on) as period_start,
        _account(per, c.account_id) as account_id,
        _group(per, c.origin, c.agent_id, c.channel_id, c.team_id, c.tag) as group_id,
        count(*) as conversations,
        count(*) filter (where c.is_closed) as closed,
        sum(c.reopens)::bigint as reopens,
        count(*) filter (where c.is_one_touch) as one_touch,
        count(*) filter (where c.is_automation_only) as automation_only,
        sum(c.windows_expired)::bigint as windows_expired,
        count(*) filter (where c.is_repeat) as repeats,
        {% for time in ['duration', 'duration_working', 'total_wait', 'total_wait_working'] -%}
        {{ timed('c.' ~ time ~ '_seconds', time) }},
        {% endfor -%}
        {{ on_target('c.is_duration_within_target', 'duration') }}
    from started as c
    group by 1, 2, 3
),
response_measures as (
    select
        _period_start(grain, c.started_on) as period_start,
        _account(per, c.account_id) as account_id,
        _group(per, c.origin, c.responder_id, c.channel_id, c.team_id, c.tag) as group_id,
        {% for time in ['first_response', 'first_response_working'] -%}
        {{ timed('c.' ~ time ~ '_seconds', time) }},
        {% endfor -%}
        {{ on_target('c.is_first_response_within_target', 'first_response') }}
    from started as c
    where c.first_response_seconds is not null or c.is_first_response_within_target is not null
    group by 1, 2, 3
),
turn_measures as (
    select
        _period_start(grain, t.asked_on) as period_start,
        _account(per, t.account_id) as account_id,
        _group(per, t.origin, t.responder_id, t.channel_id, t.team_id, t.tag) as group_id,
        count(*) filter (where t.outcome = 'answered') as turns_answered,
        count(*) filter (where t.outcome = 'closed') as turns_closed,
        {{ timed('t.wait_seconds', 'reply') }},
        {{ timed('t.wait_working_seconds', 'reply_working') }},
        {{ on_target('t.is_within_target', 'reply') }}
    from asked as t
    group by 1, 2, 3
),
contact_measures as (
    select
        _period_start(grain, c.started_on) as period_start,
        _account(per, c.account_id) as account_id,
        _group(per, c.origin, c.agent_id, c.channel_id, c.team_id, c.tag) as group_id,
        count(distinct c.contact) as distinct_contacts
    from started as c
    group by 1, 2, 3
),
daily_measures as (
    select
        _period_start(grain, n.day) as period_start,
        _account(per, n.account_id) as account_id,
        _group(per, n.origin, n.counted_agent_id, n.channel_id, n.team_id, n.tag) as group_id,
        sum(n.inbound_messages + n.outbound_messages)::bigint as messages,
        {% for count in counts_by_day -%}
        sum(n.{{ count }})::bigint as {{ count }}{{ ',' if not loop.last }}
        {% endfor %}
    from counted as n
    group by 1, 2, 3
),
all_measures as (
    from conversation_measures
    union all by name
    from response_measures
    union all by name
    from turn_measures
    union all by name
    from contact_measures
    union all by name
    from daily_measures
    union all by name
    select 'total' as group_id
    where per = 'total'
)
select
    m.period_start,
    m.account_id,
    m.group_id,
    {% for count in counts if count != 'reopens' -%}
    coalesce(any_value(m.{{ count }}), 0) as {{ count }},
    {% endfor -%}
    -- The number of reopens is null if it is null for every conversation.
    case
        when coalesce(any_value(m.conversations), 0) = 0 then 0
        else any_value(m.reopens)
    end as reopens,
    {% for time in times -%}
    coalesce(any_value(m.{{ time }}_n), 0) as {{ time }}_n,
    round(any_value(m.{{ time }}_sum), 3) as {{ time }}_sum,
    round(any_value(m.{{ time }}_sum) / any_value(m.{{ time }}_n), 3) as {{ time }}_avg,
    round(any_value(m.{{ time }}_quantiles)[1], 3) as {{ time }}_median,
    round(any_value(m.{{ time }}_quantiles)[2], 3) as {{ time }}_p90,
    {% endfor -%}
    {% for target in targets -%}
    coalesce(any_value(m.{{ target }}_on_target_n), 0) as {{ target }}_on_target_n,
    coalesce(any_value(m.{{ target }}_on_target_met), 0) as {{ target }}_on_target_met,
    any_value(m.{{ target }}_on_target_met) / nullif(any_value(m.{{ target }}_on_target_n), 0) as {{ target }}_on_target_rate,
    {% endfor -%}
    coalesce(any_value(m.csat_n), 0) as csat_n,
    any_value(m.csat_sum)::double as csat_sum,
    any_value(m.csat_sum) / nullif(any_value(m.csat_n), 0) as csat_avg,
    coalesce(any_value(m.satisfied), 0) as satisfied,
    coalesce(any_value(m.dissatisfied), 0) as dissatisfied,
    any_value(m.satisfied) / nullif(any_value(m.csat_n), 0) as csat_score,
    any_value(m.surveys_answered) / nullif(any_value(m.surveys_sent), 0) as response_rate,
    {% for rating in range(1, 6) -%}
    coalesce(any_value(m.rating_{{ rating }}), 0) as rating_{{ rating }}{{ ',' if not loop.last }}
    {% endfor %}
from all_measures as m
group by m.period_start, m.account_id, m.group_id;
comment on macro table _measured is 'Internal: the figures of a period by grain and group.';
