-- The reports, as table macros of the published file: pages, analysts and tests get the same answer from this text.
--
-- Belongs here: which rows a period and its filters select, and how they are measured. Does not: how the marts come
-- about, nor how a report is shown. Names that begin with an underscore are the parts the reports are built of.
--
-- Every report takes from_date and to_date (local days, both inclusive) and the named filters accounts, agents,
-- origins, conversation_tags, contact_tags (lists; null = all, an empty list = none) and working_hours (true, false;
-- null = all). 'Unassigned' among the agents stands for no agent, 'Untagged' among the conversation tags for no tag;
-- of several tags, one is enough.
--
-- The filters select conversations, whenever they started. A selected conversation is counted on the day it started,
-- its messages on their own days, its survey on the day it was sent and on the day it was answered. Messages
-- whose conversation is not known count too, unless a filter other than accounts asks about the conversation.
--
-- DuckDB looks the names up where the caller stands: open the file, or `attach` it and `use` it.
-- `_conversations` and `_counts_by_day` are laid out before: see `laid_out.sql`.

create or replace macro _is_selected(c, accounts, agents, origins, conversation_tags, contact_tags, working_hours) as
    (accounts is null or list_contains(accounts, c.account_id))
    and (agents is null or list_contains(agents, coalesce(c.agent_id, 'Unassigned')))
    and (origins is null or list_contains(origins, c.origin))
    and (conversation_tags is null or list_has_any(c.tags, conversation_tags))
    and (contact_tags is null or list_has_any(c.contact_tags, contact_tags))
    and (working_hours is null or c.is_in_working_hours = working_hours);

-- Whether no filter asks about the conversation.
create or replace macro _nothing_asked(agents, origins, conversation_tags, contact_tags, working_hours) as
    agents is null and origins is null and conversation_tags is null and contact_tags is null and working_hours is null;

-- The conversations that started in the period.
create or replace macro _started(
    from_date, to_date, accounts, agents, origins, conversation_tags, contact_tags, working_hours
) as table
from _conversations as c
where c.started_on between from_date::date and to_date::date
    and _is_selected(c, accounts, agents, origins, conversation_tags, contact_tags, working_hours);

-- The messages and surveys of the period. A message without a known conversation is selected only where nothing is
-- asked about the conversation.
create or replace macro _counted(
    from_date, to_date, accounts, agents, origins, conversation_tags, contact_tags, working_hours
) as table
from _counts_by_day as n
where n.day between from_date::date and to_date::date
    and _is_selected(n, accounts, agents, origins, conversation_tags, contact_tags, working_hours)
    and (n.has_conversation or _nothing_asked(agents, origins, conversation_tags, contact_tags, working_hours));

-- All that is known of conversations, whenever they started.
create or replace macro _selected_conversations(accounts, agents, origins, conversation_tags, contact_tags, working_hours) as table
with labelled as (
    select *, _tags(c.conversation_tags) as tags
    from fct_conversations as c
)
select *
from labelled as c
where _is_selected(c, accounts, agents, origins, conversation_tags, contact_tags, working_hours);

-- The period before one has as many days, and ends the day before it begins.
create or replace macro _previous_from(from_date, to_date) as
    (from_date::date - (to_date::date - from_date::date + 1)::integer)::date;

-- The keys of what is measured: those that `grain` and `per` do not ask for are null, one for all.
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

-- What happened in the period, measured by day, week or month (`grain`; null: all of it at once) and by group, which
-- `per` names: 'total', 'origin', 'account and origin', 'agent' or 'tag'. Agents and tags are told apart by account.
-- Messages count to the agent who sent them and first responses to the agent who gave them, all else to the
-- conversation's. The total has a row even where nothing happened. Times are in seconds. What cannot be known is null,
-- never 0. Every kind of happening is measured by itself, and what came of it for a group then laid side by side: a row of
-- all of them together would be many times as wide as what is measured.
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

-- One row: the headline figures.
create or replace macro report_overview(
    from_date, to_date, accounts := null, agents := null, origins := null, conversation_tags := null,
    contact_tags := null, working_hours := null
) as table
select * exclude (period_start, account_id, group_id)
from _measured(
    from_date, to_date, accounts, agents, origins, conversation_tags, contact_tags, working_hours, null, 'total'
);

-- One row per measure of the overview, all as doubles: its value, that of the period before, and what became of it.
create or replace macro report_overview_compared(
    from_date, to_date, accounts := null, agents := null, origins := null, conversation_tags := null,
    contact_tags := null, working_hours := null
) as table
with numbers as (
    select true as is_current, columns(*)::double
    from report_overview(from_date, to_date, accounts, agents, origins, conversation_tags, contact_tags, working_hours)
    union all
    select false as is_current, columns(*)::double
    from report_overview(
        _previous_from(from_date, to_date), from_date::date - 1, accounts, agents, origins, conversation_tags,
        contact_tags, working_hours
    )
),
listed as (
    from numbers unpivot include nulls (amount for measure in (columns(* exclude (is_current))))
),
compared as (
    select
        measure,
        any_value(amount) filter (where is_current) as value,
        any_value(amount) filter (where not is_current) as previous_value
    from listed
    group by measure
)
select
    measure,
    value,
    previous_value,
    value - previous_value as difference,
    value / nullif(previous_value, 0) - 1 as change
from compared;

-- One row per day, week or month (`grain`; weeks begin on Monday) and per group, which `per` names: 'total', 'origin',
-- 'agent' or 'tag'. Agents and tags are told apart by account; every group has a row for every period, of zeros and
-- unknowns where nothing happened. The first and the last week and month hold the period's days only.
create or replace macro report_over_time(
    from_date, to_date, accounts := null, agents := null, origins := null, conversation_tags := null,
    contact_tags := null, working_hours := null, grain := 'day', per := 'total'
) as table
with measured as (
    from _measured(
        from_date, to_date, accounts, agents, origins, conversation_tags, contact_tags, working_hours, grain, per
    )
),
periods as (
    select distinct date_trunc(grain, day)::date as period_start
    from range(from_date::date, to_date::date + 1, interval 1 day) as t(day)
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
        columns(lambda name: not regexp_matches(name, '^(period_start|.*_id|.*_(sum|avg|median|p90|score|rate))$')), 0
    ),
    columns(lambda name: regexp_matches(name, '_(sum|avg|median|p90|score|rate)$'))
from filled;

-- One row per day, week or month (`grain`) and origin: the conversations alone, at a small part of the cost of the above.
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

-- One row per day: its conversations, and their mean over it and the six days before it, also those before the period.
create or replace macro report_trend(
    from_date, to_date, accounts := null, agents := null, origins := null, conversation_tags := null,
    contact_tags := null, working_hours := null
) as table
with counted as (
    select started_on, count(*) as conversations
    from _started(
        from_date::date - 6, to_date, accounts, agents, origins, conversation_tags, contact_tags, working_hours
    )
    group by started_on
),
days as (
    select
        t.day::date as day,
        coalesce(counted.conversations, 0) as conversations,
        avg(coalesce(counted.conversations, 0)) over (order by t.day rows between 6 preceding and current row)
            as conversations_mean
    from range(from_date::date - 6, to_date::date + 1, interval 1 day) as t(day)
    left join counted on t.day::date = counted.started_on
)
select * from days where day >= from_date::date order by day;

-- One row per account, local day and origin on which anything happened.
create or replace macro report_overview_by_day(
    from_date, to_date, accounts := null, agents := null, origins := null, conversation_tags := null,
    contact_tags := null, working_hours := null
) as table
select account_id, period_start as report_date, group_id as origin, * exclude (period_start, account_id, group_id)
from _measured(
    from_date, to_date, accounts, agents, origins, conversation_tags, contact_tags, working_hours, 'day',
    'account and origin'
);

-- One row per account, weekday (1 = Monday) and hour of the local clock.
create or replace macro report_by_hour(
    from_date, to_date, accounts := null, agents := null, origins := null, conversation_tags := null,
    contact_tags := null, working_hours := null
) as table
with selected as (
    from _selected_conversations(accounts, agents, origins, conversation_tags, contact_tags, working_hours)
),
happenings as (
    select account_id, started_on as day, started_hour as hour, true as is_conversation
    from selected
    where started_on between from_date::date and to_date::date
    union all by name
    select
        m.account_id,
        m.sent_on as day,
        m.sent_hour as hour,
        m.direction = 'inbound' as is_inbound,
        m.is_agent_message
    from fct_messages as m
    -- No message is later than its conversation's last: this spares the join all that ended before the period.
    left join (
        from selected
        where last_message_at >= from_date::date - interval 1 day
            and not _nothing_asked(agents, origins, conversation_tags, contact_tags, working_hours)
    ) as selected
        on m.conversation_id = selected.conversation_id
    where m.sent_on between from_date::date and to_date::date
        and (accounts is null or list_contains(accounts, m.account_id))
        and (
            selected.conversation_id is not null
            or _nothing_asked(agents, origins, conversation_tags, contact_tags, working_hours)
        )
)
select
    account_id,
    isodow(day)::integer as iso_weekday,
    hour,
    count(*) filter (where is_conversation) as conversations,
    count(*) filter (where is_inbound) as inbound_messages,
    count(*) filter (where is_agent_message) as agent_messages
from happenings
group by all;

-- One row per weekday (1 = Monday) and hour of the local clocks, 168 in all: the conversations that started in it.
create or replace macro report_heatmap(
    from_date, to_date, accounts := null, agents := null, origins := null, conversation_tags := null,
    contact_tags := null, working_hours := null
) as table
select w.iso_weekday::integer as iso_weekday, h.hour::integer as hour, count(c.started_on) as conversations
from range(1, 8) as w(iso_weekday)
cross join range(24) as h(hour)
left join (
    from _started(
        from_date, to_date, accounts, agents, origins, conversation_tags, contact_tags, working_hours
    )
) as c
    on isodow(c.started_on) = w.iso_weekday and c.started_hour = h.hour
group by w.iso_weekday, h.hour
order by w.iso_weekday, h.hour;

-- One row per account and agent, 'Unassigned' (agent_id null) included; the rows sum to the overview. Messages count
-- to the agent who sent them and first responses to the agent who gave them, everything else to the conversation's
-- agent. So under a filter on agents other agents may have rows too: they wrote in the conversations selected.
create or replace macro report_by_agent(
    from_date, to_date, accounts := null, agents := null, origins := null, conversation_tags := null,
    contact_tags := null, working_hours := null
) as table
select
    measured.account_id,
    nullif(measured.group_id, 'Unassigned') as agent_id,
    coalesce(dim_agents.agent_name, measured.group_id) as agent_name,
    measured.* exclude (period_start, account_id, group_id)
from _measured(
    from_date, to_date, accounts, agents, origins, conversation_tags, contact_tags, working_hours, null, 'agent'
) as measured
left join dim_agents on measured.group_id = dim_agents.agent_id;

-- One row per account and conversation tag, 'Untagged' included. A conversation with two tags counts in both rows, so
-- the rows do not sum to the overview; messages of unknown conversations are in none.
create or replace macro report_by_tag(
    from_date, to_date, accounts := null, agents := null, origins := null, conversation_tags := null,
    contact_tags := null, working_hours := null
) as table
select account_id, group_id as tag, * exclude (period_start, account_id, group_id)
from _measured(
    from_date, to_date, accounts, agents, origins, conversation_tags, contact_tags, working_hours, null, 'tag'
);

-- One row per account and tag: its conversations in the period, in the period before, and what became of them.
create or replace macro report_by_tag_compared(
    from_date, to_date, accounts := null, agents := null, origins := null, conversation_tags := null,
    contact_tags := null, working_hours := null
) as table
with tagged as (
    select account_id, started_on >= from_date::date as is_current, unnest(tags) as tag
    from _started(
        _previous_from(from_date, to_date), to_date, accounts, agents, origins, conversation_tags, contact_tags,
        working_hours
    )
),
counted as (
    select
        account_id,
        tag,
        count(*) filter (where is_current) as conversations,
        count(*) filter (where not is_current) as previous_conversations
    from tagged
    group by account_id, tag
)
select
    *,
    conversations - previous_conversations as difference,
    conversations / nullif(previous_conversations, 0) - 1 as change
from counted;

-- One row per account and agent, 'Unassigned' included: how the conversations that started in the period stand now.
create or replace macro report_inbox(
    from_date, to_date, accounts := null, agents := null, origins := null, conversation_tags := null,
    contact_tags := null, working_hours := null
) as table
select
    c.account_id,
    c.agent_id,
    coalesce(any_value(dim_agents.agent_name), c.agent_id, 'Unassigned') as agent_name,
    count(*) as conversations,
    count(*) filter (where not c.is_closed) as open,
    count(*) filter (where c.status = 'not_contacted') as not_contacted,
    count(*) filter (where c.status = 'in_flow') as in_flow,
    count(*) filter (where c.status = 'new') as new,
    count(*) filter (where c.status = 'in_progress') as in_progress,
    count(*) filter (where c.is_closed) as closed
from _selected_conversations(accounts, agents, origins, conversation_tags, contact_tags, working_hours) as c
left join dim_agents on c.agent_id = dim_agents.agent_id
where c.started_on between from_date::date and to_date::date
group by c.account_id, c.agent_id;

-- The details in no order, for who wants another one: a sort of whole conversations costs more than all else.
create or replace macro _details(
    from_date, to_date, accounts := null, agents := null, origins := null, conversation_tags := null,
    contact_tags := null, working_hours := null
) as table
select
    c.conversation_id,
    c.account_id,
    c.contact_key,
    c.origin,
    c.status,
    account.time_zone,
    c.agent_id,
    coalesce(agent.agent_name, c.agent_id, 'Unassigned') as agent_name,
    coalesce(responder.agent_name, c.first_response_agent_id) as first_response_agent_name,
    c.tags as conversation_tags,
    c.contact_tags,
    c.is_in_working_hours,
    c.is_one_touch,
    c.is_automation_only,
    c.messages,
    c.inbound_messages,
    c.agent_messages,
    c.automated_messages,
    c.reopens,
    c.windows_missed,
    c.turns_answered,
    c.turns_unanswered,
    c.first_response_seconds,
    c.first_response_working_seconds,
    c.wait_sum_seconds,
    c.wait_max_seconds,
    c.wait_working_sum_seconds,
    c.duration_seconds,
    c.duration_working_seconds,
    c.csat_rating,
    c.started_on,
    c.started_hour,
    c.started_at,
    c.closed_at,
    c.last_message_at
from _selected_conversations(accounts, agents, origins, conversation_tags, contact_tags, working_hours) as c
inner join _accounts() as account on c.account_id = account.account_id
left join dim_agents as agent on c.agent_id = agent.agent_id
left join dim_agents as responder on c.first_response_agent_id = responder.agent_id
where c.started_on between from_date::date and to_date::date;

-- One row per conversation that started in the period, the latest first. Instants are UTC; local_time(started_at,
-- time_zone) is the account's clock.
create or replace macro report_details(
    from_date, to_date, accounts := null, agents := null, origins := null, conversation_tags := null,
    contact_tags := null, working_hours := null
) as table
from _details(from_date, to_date, accounts, agents, origins, conversation_tags, contact_tags, working_hours)
order by started_at desc, conversation_id;

-- One row per thing known to have happened in a conversation, in its order: what (`event`), who, which of the
-- customer's turns, and how long the customer had waited for an answer. None where
-- the accounts do not hold the conversation.
create or replace macro report_timeline(conversation, accounts := null) as table
with chosen as (
    select c.*, account.time_zone
    from fct_conversations as c
    inner join _accounts() as account on c.account_id = account.account_id
    where c.conversation_id = conversation and (accounts is null or list_contains(accounts, c.account_id))
),
written as (
    select
        m.*,
        row_number() over sequence as place,
        count(*) filter (where m.is_agent_message) over before as answers_before
    from fct_messages as m
    where m.conversation_id = conversation
    window
        sequence as (order by m.sent_at, length(m.source_message_id), m.source_message_id),
        before as (
            order by m.sent_at, length(m.source_message_id), m.source_message_id
            rows between unbounded preceding and 1 preceding
        )
),
turns as (
    select
        answers_before,
        row_number() over (order by answers_before) as turn,
        min(sent_at) as began_at
    from written
    where direction = 'inbound'
    group by answers_before
),
changes as (
    select event_type, agent_id, occurred_at as happened_at from fct_conversation_events
    where conversation_id = conversation
),
events as (
    select 1 as rank, 'started' as event, started_at as happened_at from chosen
    union all by name
    select
        2 as rank,
        case
            when direction = 'inbound' then 'inbound'
            when is_agent_message then 'agent'
            when is_automated then 'automated'
            else 'outbound'
        end as event,
        sent_at as happened_at,
        place,
        agent_id,
        message_type,
        delivery_status,
        turn,
        case when is_agent_message then epoch(sent_at - began_at) end as wait_seconds
    from written
    left join turns using (answers_before)
    union all by name
    select 3 as rank, replace(event_type, '_', ' ') as event, agent_id, happened_at from changes
    union all by name
    -- Not every platform tells of a close by an event.
    select 3 as rank, 'closed' as event, closed_at as happened_at from chosen
    where not exists (select 1 from changes where event_type = 'closed')
    union all by name
    select 4 as rank, 'survey sent' as event, survey_sent_at as happened_at from chosen
    union all by name
    select 5 as rank, 'survey answered' as event, survey_responded_at as happened_at, csat_rating from chosen
)
select
    chosen.conversation_id,
    chosen.account_id,
    chosen.time_zone,
    events.event,
    events.agent_id,
    coalesce(dim_agents.agent_name, events.agent_id) as agent_name,
    events.message_type,
    events.delivery_status,
    events.turn,
    events.wait_seconds,
    events.csat_rating,
    events.happened_at
from events
cross join chosen
left join dim_agents on events.agent_id = dim_agents.agent_id
where events.happened_at is not null
order by events.happened_at, events.rank, events.place;

-- One row per value that a filter can take: the filter's name, the value, and the name to show for it.
create or replace macro report_choices(accounts := null) as table
with combinations as materialized (
    select distinct agent_id, origin, tags, contact_tags
    from _selected_conversations(accounts, null, null, null, null, null)
),
choices as (
    select 'accounts' as filter, account_id as value, null as label
    from _accounts()
    where accounts is null or list_contains(accounts, account_id)
    union
    select 'agents', coalesce(c.agent_id, 'Unassigned'), dim_agents.agent_name
    from combinations as c
    left join dim_agents on c.agent_id = dim_agents.agent_id
    union
    select 'origins', origin, null from combinations
    union
    select 'conversation_tags', unnest(tags), null from combinations
    union
    select 'contact_tags', unnest(contact_tags), null from combinations
)
select filter, value, coalesce(label, value) as label
from choices
order by filter, label, value;

-- One row: the first and the last local day on which anything happened.
create or replace macro report_days(accounts := null) as table
select min(report_date) as first_day, max(report_date) as last_day
from agg_overview
where accounts is null or list_contains(accounts, account_id);
