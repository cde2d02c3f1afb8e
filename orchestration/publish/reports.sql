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
-- `_accounts()` (account_id, time_zone, satisfied_from, dissatisfied_to) is made when the release is built.

-- Messages come by the million, and a filter asks about their conversation only: they are counted once, when the
-- release is built, by day, sender (`sender_id`) and all that a filter asks about the conversation. Its table
-- `_messages_by_day` holds what this says of all days (null), and after an increment again of those that it touched.
create or replace macro _counted_messages(from_date, to_date) as table
select
    m.account_id,
    m.agent_id as sender_id,
    c.agent_id,
    coalesce(c.origin, 'other') as origin,
    case
        when len(c.conversation_tags) > 0 then c.conversation_tags
        when c.conversation_id is not null then ['Untagged']
    end as tags,
    c.contact_tags,
    c.is_in_working_hours,
    c.conversation_id is not null as has_conversation,
    m.sent_on,
    count(*) as messages,
    count(*) filter (where m.direction = 'inbound') as inbound_messages,
    count(*) filter (where m.is_agent_message) as agent_messages,
    count(*) filter (where m.is_automated) as automated_messages
from fct_messages as m
left join fct_conversations as c on m.conversation_id = c.conversation_id
where m.sent_on >= coalesce(from_date, m.sent_on) and m.sent_on <= coalesce(to_date, m.sent_on)
group by all;

create or replace macro _is_selected(c, accounts, agents, origins, conversation_tags, contact_tags, working_hours) as
    (accounts is null or list_contains(accounts, c.account_id))
    and (agents is null or list_contains(agents, coalesce(c.agent_id, 'Unassigned')))
    and (origins is null or list_contains(origins, c.origin))
    and (conversation_tags is null or list_has_any(c.tags, conversation_tags))
    and (contact_tags is null or list_has_any(c.contact_tags, contact_tags))
    and (working_hours is null or c.is_in_working_hours = working_hours);

create or replace macro _selected_conversations(accounts, agents, origins, conversation_tags, contact_tags, working_hours) as table
with labelled as (
    select *, case when len(c.conversation_tags) > 0 then c.conversation_tags else ['Untagged'] end as tags
    from fct_conversations as c
)
select *
from labelled as c
where _is_selected(c, accounts, agents, origins, conversation_tags, contact_tags, working_hours);

-- A message without a known conversation is selected only where nothing is asked about the conversation.
create or replace macro _concerns_any(agents, origins, conversation_tags, contact_tags, working_hours) as
    agents is null and origins is null and conversation_tags is null and contact_tags is null and working_hours is null;

-- Whether a survey's instant may lie in the period: asked before its local day, it spares most rows the reading.
create or replace macro _within(instant, from_date, to_date) as
    instant >= from_date::date - interval 1 day and instant < to_date::date + interval 2 days;

create or replace macro local_time(instant, time_zone) as timezone(time_zone, timezone('UTC', instant));

create or replace macro _local_day(instant, time_zone) as local_time(instant, time_zone)::date;

-- The period before one has as many days, and ends the day before it begins.
create or replace macro _previous_from(from_date, to_date) as
    (from_date::date - (to_date::date - from_date::date + 1)::integer)::date;

-- All that happened in the period, one row each, with the agent to whom it is counted.
create or replace macro _events(
    from_date, to_date, accounts, agents, origins, conversation_tags, contact_tags, working_hours
) as table
with selected as not materialized (
    from _selected_conversations(accounts, agents, origins, conversation_tags, contact_tags, working_hours)
),
surveyed as not materialized (
    select
        selected.*,
        satisfied_from,
        dissatisfied_to,
        _local_day(survey_sent_at, time_zone) as sent_on,
        _local_day(survey_responded_at, time_zone) as responded_on
    from selected
    inner join _accounts() using (account_id)
)
select
    'conversation' as event,
    started_on as day,
    account_id,
    origin,
    agent_id,
    tags,
    contact_key,
    is_closed,
    is_one_touch,
    is_automation_only,
    reopens,
    windows_missed,
    turns_answered,
    turns_unanswered,
    duration_seconds,
    duration_working_seconds,
    case when turns_answered > 0 then wait_sum_seconds end as wait_seconds,
    case when turns_answered > 0 then wait_working_sum_seconds end as wait_working_seconds
from selected
where started_on between from_date::date and to_date::date
union all by name
select
    'first response' as event,
    started_on as day,
    account_id,
    origin,
    first_response_agent_id as agent_id,
    tags,
    first_response_seconds,
    first_response_working_seconds
from selected
where started_on between from_date::date and to_date::date and first_response_seconds is not null
union all by name
select
    'messages' as event,
    m.sent_on as day,
    m.account_id,
    m.origin,
    m.sender_id as agent_id,
    m.tags,
    m.messages,
    m.inbound_messages,
    m.agent_messages,
    m.automated_messages
from _messages_by_day as m
where m.sent_on between from_date::date and to_date::date
    and _is_selected(m, accounts, agents, origins, conversation_tags, contact_tags, working_hours)
    and (m.has_conversation or _concerns_any(agents, origins, conversation_tags, contact_tags, working_hours))
union all by name
select 'survey sent' as event, sent_on as day, account_id, origin, agent_id, tags
from surveyed
where _within(survey_sent_at, from_date, to_date) and sent_on between from_date::date and to_date::date
union all by name
select
    'survey answered' as event,
    responded_on as day,
    account_id,
    origin,
    agent_id,
    tags,
    csat_rating as rating,
    csat_rating >= satisfied_from as is_satisfied,
    csat_rating <= dissatisfied_to as is_dissatisfied
from surveyed
where _within(survey_responded_at, from_date, to_date)
    and responded_on between from_date::date and to_date::date
    and csat_rating is not null;

-- The measures of a group of events `e`. Times are in seconds. What cannot be known is null, never 0.
create or replace macro _measures(e) as struct_pack(
    conversations := count(*) filter (where e.event = 'conversation'),
    distinct_contacts := count(distinct e.contact_key),
    messages := coalesce(sum(e.messages), 0)::bigint,
    inbound_messages := coalesce(sum(e.inbound_messages), 0)::bigint,
    agent_messages := coalesce(sum(e.agent_messages), 0)::bigint,
    automated_messages := coalesce(sum(e.automated_messages), 0)::bigint,
    closed := count(*) filter (where e.is_closed),
    reopens := coalesce(sum(e.reopens), 0)::bigint,
    one_touch := count(*) filter (where e.is_one_touch),
    automation_only := count(*) filter (where e.is_automation_only),
    windows_missed := coalesce(sum(e.windows_missed), 0)::bigint,
    turns_answered := coalesce(sum(e.turns_answered), 0)::bigint,
    turns_unanswered := coalesce(sum(e.turns_unanswered), 0)::bigint,
    duration_n := count(e.duration_seconds),
    duration_sum := sum(e.duration_seconds),
    duration_avg := avg(e.duration_seconds),
    duration_median := quantile_cont(e.duration_seconds, 0.5),
    duration_p90 := quantile_cont(e.duration_seconds, 0.9),
    duration_working_n := count(e.duration_working_seconds),
    duration_working_sum := sum(e.duration_working_seconds),
    duration_working_avg := avg(e.duration_working_seconds),
    duration_working_median := quantile_cont(e.duration_working_seconds, 0.5),
    duration_working_p90 := quantile_cont(e.duration_working_seconds, 0.9),
    first_response_n := count(e.first_response_seconds),
    first_response_sum := sum(e.first_response_seconds),
    first_response_avg := avg(e.first_response_seconds),
    first_response_median := quantile_cont(e.first_response_seconds, 0.5),
    first_response_p90 := quantile_cont(e.first_response_seconds, 0.9),
    first_response_working_n := count(e.first_response_working_seconds),
    first_response_working_sum := sum(e.first_response_working_seconds),
    first_response_working_avg := avg(e.first_response_working_seconds),
    first_response_working_median := quantile_cont(e.first_response_working_seconds, 0.5),
    first_response_working_p90 := quantile_cont(e.first_response_working_seconds, 0.9),
    wait_n := count(e.wait_seconds),
    wait_sum := sum(e.wait_seconds),
    wait_avg := avg(e.wait_seconds),
    wait_median := quantile_cont(e.wait_seconds, 0.5),
    wait_p90 := quantile_cont(e.wait_seconds, 0.9),
    wait_working_n := count(e.wait_working_seconds),
    wait_working_sum := sum(e.wait_working_seconds),
    wait_working_avg := avg(e.wait_working_seconds),
    wait_working_median := quantile_cont(e.wait_working_seconds, 0.5),
    wait_working_p90 := quantile_cont(e.wait_working_seconds, 0.9),
    surveys_sent := count(*) filter (where e.event = 'survey sent'),
    csat_n := count(e.rating),
    csat_sum := sum(e.rating)::double,
    csat_avg := avg(e.rating),
    satisfied := count(*) filter (where e.is_satisfied),
    dissatisfied := count(*) filter (where e.is_dissatisfied),
    csat_score := count(*) filter (where e.is_satisfied) / nullif(count(e.rating), 0),
    response_rate := count(e.rating) / nullif(count(*) filter (where e.event = 'survey sent'), 0),
    rating_1 := count(*) filter (where e.rating = 1),
    rating_2 := count(*) filter (where e.rating = 2),
    rating_3 := count(*) filter (where e.rating = 3),
    rating_4 := count(*) filter (where e.rating = 4),
    rating_5 := count(*) filter (where e.rating = 5)
);

-- One row: the headline figures.
create or replace macro report_overview(
    from_date, to_date, accounts := null, agents := null, origins := null, conversation_tags := null,
    contact_tags := null, working_hours := null
) as table
select unnest(_measures(e))
from _events(
    from_date, to_date, accounts, agents, origins, conversation_tags, contact_tags, working_hours
) as e;

-- One row per measure of the overview, all as doubles: its value, that of the period before, and what became of it.
create or replace macro report_overview_compared(
    from_date, to_date, accounts := null, agents := null, origins := null, conversation_tags := null,
    contact_tags := null, working_hours := null
) as table
with measured as (
    select period.is_current, unnest(_measures(e))
    from (values (true), (false)) as period(is_current)
    left join _events(
        _previous_from(from_date, to_date), to_date, accounts, agents, origins, conversation_tags, contact_tags,
        working_hours
    ) as e
        on period.is_current = (e.day >= from_date::date)
    group by period.is_current
),
numbers as (
    select is_current, columns(* exclude (is_current))::double from measured
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
with grouped as (
    select
        *,
        date_trunc(grain, day)::date as period_start,
        case when per in ('agent', 'tag') then account_id end as group_account_id,
        unnest(case per
            when 'origin' then [origin]
            when 'agent' then [coalesce(agent_id, 'Unassigned')]
            when 'tag' then tags
            else ['total']
        end) as group_id
    from _events(
        from_date, to_date, accounts, agents, origins, conversation_tags, contact_tags, working_hours
    )
),
measured as (
    select e.period_start, e.group_account_id as account_id, e.group_id, unnest(_measures(e))
    from grouped as e
    group by e.period_start, e.group_account_id, e.group_id
),
periods as (
    select distinct date_trunc(grain, day)::date as period_start
    from range(from_date::date, to_date::date + 1, interval 1 day) as t(day)
),
groups as (
    select distinct account_id, group_id from measured
    union
    select null, 'total' where per = 'total'
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
    from _selected_conversations(accounts, agents, origins, conversation_tags, contact_tags, working_hours)
    where started_on between from_date::date and to_date::date
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
    from _selected_conversations(accounts, agents, origins, conversation_tags, contact_tags, working_hours)
    where started_on between from_date::date - 6 and to_date::date
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
select e.account_id, e.day as report_date, e.origin, unnest(_measures(e))
from _events(
    from_date, to_date, accounts, agents, origins, conversation_tags, contact_tags, working_hours
) as e
group by e.account_id, e.day, e.origin;

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
    left join (from selected where last_message_at >= from_date::date - interval 1 day) as selected
        on m.conversation_id = selected.conversation_id
    where m.sent_on between from_date::date and to_date::date
        and (accounts is null or list_contains(accounts, m.account_id))
        and (
            selected.conversation_id is not null
            or _concerns_any(agents, origins, conversation_tags, contact_tags, working_hours)
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
select w.iso_weekday::integer as iso_weekday, h.hour::integer as hour, count(c.conversation_id) as conversations
from range(1, 8) as w(iso_weekday)
cross join range(24) as h(hour)
left join (
    from _selected_conversations(accounts, agents, origins, conversation_tags, contact_tags, working_hours)
    where started_on between from_date::date and to_date::date
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
with measured as (
    select e.account_id, e.agent_id, unnest(_measures(e))
    from _events(
        from_date, to_date, accounts, agents, origins, conversation_tags, contact_tags, working_hours
    ) as e
    group by e.account_id, e.agent_id
)
select
    measured.account_id,
    measured.agent_id,
    coalesce(dim_agents.agent_name, measured.agent_id, 'Unassigned') as agent_name,
    measured.* exclude (account_id, agent_id)
from measured
left join dim_agents on measured.agent_id = dim_agents.agent_id;

-- One row per account and conversation tag, 'Untagged' included. A conversation with two tags counts in both rows, so
-- the rows do not sum to the overview; messages of unknown conversations are in none.
create or replace macro report_by_tag(
    from_date, to_date, accounts := null, agents := null, origins := null, conversation_tags := null,
    contact_tags := null, working_hours := null
) as table
with tagged as (
    select *, unnest(tags) as tag
    from _events(
        from_date, to_date, accounts, agents, origins, conversation_tags, contact_tags, working_hours
    )
)
select e.account_id, e.tag, unnest(_measures(e))
from tagged as e
group by e.account_id, e.tag;

-- One row per account and tag: its conversations in the period, in the period before, and what became of them.
create or replace macro report_by_tag_compared(
    from_date, to_date, accounts := null, agents := null, origins := null, conversation_tags := null,
    contact_tags := null, working_hours := null
) as table
with tagged as (
    select account_id, started_on >= from_date::date as is_current, unnest(tags) as tag
    from _selected_conversations(accounts, agents, origins, conversation_tags, contact_tags, working_hours)
    where started_on between _previous_from(from_date, to_date) and to_date::date
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

-- One row per conversation that started in the period, the latest first. Instants are UTC; local_time(started_at,
-- time_zone) is the account's clock.
create or replace macro report_details(
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
where c.started_on between from_date::date and to_date::date
order by c.started_at desc, c.conversation_id;

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
