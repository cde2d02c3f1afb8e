"""A candidate with values from row numbers and hashes, and the columns of the published tables.

Belongs here: the rows for tests of publishing and reports, and an increment. Does not: rules of the pipeline.
The values are arbitrary; the columns, their types and the keys between the tables are real.
"""

from pathlib import Path

import duckdb

from orchestration.common.sql import quoted

FIRST_DAY = "2026-03-20"  # ten days before the clocks change in Rome
ACCOUNTS = {"demo": "Europe/Rome", "second": "America/New_York"}
BUILD = "build-1"
FINGERPRINT = "fingerprint-1"

BUILDS = """
create schema if not exists build;
create table if not exists build.builds (
    build_id varchar, is_full boolean, fingerprint varchar, rules varchar, batches varchar[], result varchar,
    build_number bigint, started_at timestamp, completed_at timestamp
);
create table if not exists build.changes (
    build_id varchar, table_name varchar, account_id varchar, conversation_id varchar, changed_on date
);
"""

FACTS = """
create table dim_accounts as
    from (values ('demo', 'activecampaign', 'Europe/Rome', 5, 3),
        ('second', 'unscaled', 'America/New_York', 4, 2))
        as t(account_id, platform, time_zone, csat_satisfied_from, csat_dissatisfied_to);

create temp macro pick(i, name, choices) as (hash(i, name, getvariable('salt')) % choices)::int;
create temp macro chance(i, name, percent) as pick(i, name, 100) < percent;
create temp macro moment(i) as
    getvariable('first_day')::timestamp + to_seconds(pick(i, 'start', getvariable('days') * 86400));
create temp macro local_clock(instant, account) as
    timezone(if(account = 'demo', 'Europe/Rome', 'America/New_York'), timezone('UTC', instant));

create table fct_conversations as
with base as (
    select
        i,
        if(chance(i, 'account', 20), 'second', 'demo') as account_id,
        moment(i) as started_at,
        -- Of the last 60 days, some are open.
        chance(i, 'closed', 60) or started_at < getvariable('first_day')::timestamp
            + to_days(getvariable('days') - 60) as is_closed,
        chance(i, 'working', 70) as is_in_working_hours,
        if(chance(i, 'agent', 80), pick(i, 'agent', 4), null) as agent,
        if(chance(i, 'responded', 70), pick(i, 'responder', 4), null) as responder,
        pick(i, 'turns', 4) as turns_answered,
        if(chance(i, 'sent', 50), started_at + to_seconds(pick(i, 'sent', 300000)), null) as survey_sent_at,
        if(chance(i, 'answered', 60), survey_sent_at + to_seconds(pick(i, 'answer', 90000)), null)
            as survey_responded_at
    from range(getvariable('conversations')) as t(i)
)
select
    account_id || ':' || i as conversation_id,
    account_id,
    i::varchar as source_conversation_id,
    md5(account_id || pick(i, 'contact', 1 + getvariable('conversations') // 3)) as contact_key,
    'c' || pick(i, 'channel', 2) as channel_id,
    if(chance(i, 'team', 50), 't1', null) as team_id,
    ['flow', 'inbox', 'inbound', 'other'][1 + pick(i, 'origin', 4)] as origin,
    if(is_closed, 'closed', 'in_progress') as status,
    account_id || ':' || agent as agent_id,
    account_id || ':' || responder as first_response_agent_id,
    if(survey_sent_at is null, null, account_id || ':' || pick(i, 'rated', 4)) as csat_agent_id,
    ['agent', 'automation', 'nobody'][1 + pick(i, 'handled', 3)] as handled_by,
    list_filter(['billing', 'delivery', 'refund'], lambda tag: chance(i, tag, 30)) as conversation_tags,
    list_filter(['new', 'vip'], lambda tag: chance(i, tag, 20)) as contact_tags,
    is_closed,
    is_in_working_hours,
    is_closed and chance(i, 'one touch', 30) as is_one_touch,
    is_closed and not is_one_touch and chance(i, 'automation', 20) as is_automation_only,
    pick(i, 'messages', 9)::bigint as messages,
    pick(i, 'messages', 5)::bigint as inbound_messages,
    pick(i, 'messages', 4)::bigint as outbound_messages,
    pick(i, 'messages', 3)::bigint as agent_messages,
    pick(i, 'messages', 2)::bigint as automated_messages,
    pick(i, 'replied', 3)::bigint as agents_replied,
    if(account_id = 'second', null, pick(i, 'reopens', 3))::bigint as reopens,
    pick(i, 'assignments', 3)::bigint as assignments,
    pick(i, 'assignments', 2)::bigint as agents_assigned,
    pick(i, 'expired', 2)::bigint as windows_expired,
    turns_answered::bigint as turns_answered,
    pick(i, 'turns closed', 2)::bigint as turns_closed,
    if(is_closed, 0, pick(i, 'waiting', 2))::bigint as turns_waiting,
    1::bigint as contact_conversation_number,
    null::bigint as days_since_previous,
    if(chance(i, 'returns', 30), chance(i, 'repeat', 50), null) as is_repeat,
    if(chance(i, 'target', 60), chance(i, 'kept', 70), null) as is_first_response_within_target,
    if(is_closed, chance(i, 'in time', 70), null) as is_duration_within_target,
    if(is_closed, pick(i, 'duration', 500000), null)::double as duration_seconds,
    if(is_closed, pick(i, 'duration', 90000), null)::double as duration_working_seconds,
    if(responder is null, null, pick(i, 'response', 9000))::double as first_response_seconds,
    if(responder is null, null, pick(i, 'response', 5000))::double as first_response_working_seconds,
    if(turns_answered > 0, turns_answered * pick(i, 'wait', 9000), null)::double as total_wait_seconds,
    if(turns_answered > 0, turns_answered * pick(i, 'wait', 4000), null)::double as max_wait_seconds,
    if(turns_answered > 0, turns_answered * pick(i, 'wait', 2000), null)::double
        as total_wait_working_seconds,
    if(survey_responded_at is null, null, 1 + pick(i, 'rating', 5))::bigint as csat_rating,
    local_clock(started_at, account_id)::date as started_on,
    hour(local_clock(started_at, account_id))::int as started_hour,
    started_at,
    local_clock(started_at + to_seconds(duration_seconds), account_id)::date as closed_on,
    started_at as first_inbound_at,
    started_at as last_inbound_at,
    null::timestamp as handed_off_at,
    null::timestamp as first_assigned_at,
    if(turns_waiting > 0, started_at, null) as waiting_since,
    started_at + to_seconds(first_response_seconds) as first_response_at,
    started_at + to_seconds(duration_seconds) as first_closed_at,
    started_at + to_seconds(duration_seconds) as closed_at,
    started_at + to_seconds(200000) as last_message_at,
    survey_sent_at,
    survey_responded_at,
    contact_key as owner_key,
    getvariable('build_id') as build_id
from base;

create table fct_customer_turns as
select
    conversation_id || ':' || n as turn_id,
    conversation_id,
    account_id,
    if(n <= turns_answered, 'answered', if(n <= turns_answered + turns_closed, 'closed', 'waiting'))
        as outcome,
    if(n <= turns_answered, account_id || ':' || pick(n, conversation_id, 4), null) as answered_by_agent_id,
    n::int as turn_number,
    1::bigint as inbound_messages,
    started_at + to_seconds(n * 7000) as asked_at,
    hour(local_clock(asked_at, account_id))::int as asked_hour,
    if(n <= turns_answered, pick(n, 'wait' || conversation_id, 9000), null)::double as wait_seconds,
    (wait_seconds // 2)::double as wait_working_seconds,
    if(chance(n, 'target' || conversation_id, 70), chance(n, conversation_id, 60), null)
        as is_within_target,
    local_clock(asked_at, account_id)::date as asked_on,
    asked_at + to_seconds(wait_seconds) as ended_at,
    owner_key,
    build_id
from fct_conversations, range(1, 9) as t(n)
where n <= turns_answered + turns_closed + turns_waiting;

create table fct_messages as
with base as (
    select
        i,
        i // getvariable('messages_each') as conversation,
        if(chance(conversation, 'account', 20), 'second', 'demo') as account_id,
        moment(conversation) + to_seconds(pick(i, 'pause', 200000)) as sent_at,
        local_clock(sent_at, account_id) as sent_local,
        chance(i, 'inbound', 45) as is_inbound,
        not is_inbound and chance(i, 'human', 60) as is_agent_message
    from range(getvariable('conversations') * getvariable('messages_each')) as t(i)
)
select
    account_id || ':m' || i as message_id,
    account_id,
    'm' || i as source_message_id,
    case when chance(i, 'unknown', 4) then null when chance(i, 'late', 4) then account_id || ':late'
        else account_id || ':' || conversation end as conversation_id,
    md5(account_id || conversation) as contact_key,
    if(is_agent_message, account_id || ':' || pick(i, 'sender', 4), null) as agent_id,
    if(is_inbound, 'inbound', 'outbound') as direction,
    if(is_inbound, 'inbound', if(is_agent_message, 'inbox', 'flow')) as source,
    'text' as message_type,
    if(is_inbound, 'received', 'read') as delivery_status,
    null::varchar as template_name,
    null::varchar as error_code,
    null::varchar as pricing_category,
    is_agent_message,
    not is_inbound and not is_agent_message as is_automated,
    null::boolean as is_billable,
    conversation_id is not null and not conversation_id.ends_with(':late') as has_conversation,
    sent_local::date as sent_on,
    hour(sent_local)::int as sent_hour,
    sent_at,
    sent_at as delivered_at,
    sent_at as read_at,
    null::timestamp as failed_at,
    contact_key as owner_key,
    getvariable('build_id') as build_id
from base;

create table dim_agents as
select account_id || ':' || i as agent_id, account_id, i::varchar as source_agent_id,
    getvariable('agent_name') || i as agent_name, 'agent' as role, ['support'] as team_names
from dim_accounts, range(4) as t(i);

create table dim_contacts as
select contact_key, account_id, 'api' as source, ['vip'] as contact_tags, min(started_at) as created_at,
    contact_key as owner_key, getvariable('build_id') as build_id
from fct_conversations group by contact_key, account_id;

create table bridge_conversation_tags as
select conversation_id, account_id, unnest(conversation_tags) as tag, owner_key,
    getvariable('build_id') as build_id
from fct_conversations;

create table fct_conversation_events as
select conversation_id || '-' || event_type as event_id, account_id, conversation_id,
    if(event_type = 'assigned', agent_id, null) as agent_id, event_type, 'agent' as reason,
    if(event_type = 'assigned', started_at, closed_at) as occurred_at, owner_key,
    getvariable('build_id') as build_id
from fct_conversations, (values ('assigned'), ('closed')) as kinds(event_type)
where is_closed and agent_id is not null;

create table ingested_files as
select 'demo' as account_id, '1' as batch_id, 'f' || i as file_id, 'messages' as entity,
    ['a|b.jsonl', '<b>*c*</b>.jsonl'][i] as file, 'loaded' as status, null::varchar as reason,
    10 as records_read, 8 as records_accepted, 2 as records_rejected
from range(1, 3) as t(i);

create table rejected_records as
select account_id, batch_id, entity, file, 'id' as field, 'id is missing' as reason, 'fix it' as remedy,
    records_rejected, 1 as first_line
from ingested_files;
"""

STATISTICS = """count({v}) as {m}_n, sum({v})::double as {m}_sum, avg({v}) as {m}_avg,
    quantile_cont({v}, 0.5) as {m}_median, quantile_cont({v}, 0.9) as {m}_p90"""


def _measures() -> str:
    timed = ",\n    ".join(
        STATISTICS.format(m=measure, v=value)
        for measure, value in [
            ("duration", "duration_seconds"),
            ("first_response", "first_response_seconds"),
            ("first_response_working", "first_response_working_seconds"),
            ("reply", "reply_seconds"),
            ("total_wait", "total_wait_seconds"),
        ]
    )
    targets = ", ".join(
        f"count({name}) as {name}_n, count(*) filter (where {name}) as {name}_met"
        for name in ("first_response_on_target", "reply_on_target", "duration_on_target")
    )
    return f"""count(started) as conversations, count(distinct contact) as distinct_contacts,
    count(*) filter (where direction = 'inbound') as inbound_messages,
    count(*) filter (where direction = 'outbound') as outbound_messages,
    count(*) filter (where is_agent_message) as agent_messages,
    count(*) filter (where is_automated) as automated_messages,
    count(message) as messages, count(*) filter (where is_closed) as closed,
    count(closed_now) as closed_on_day,
    if(count(started) = 0 or count(reopens) > 0, coalesce(sum(reopens), 0), null)::bigint as reopens,
    count(*) filter (where is_one_touch) as one_touch,
    count(*) filter (where is_automation_only) as automation_only,
    coalesce(sum(windows_expired), 0)::bigint as windows_expired,
    count(*) filter (where is_repeat) as repeats,
    count(*) filter (where outcome = 'answered') as turns_answered,
    count(*) filter (where outcome = 'closed') as turns_closed,
    count(surveyed) as surveys_sent, count(*) filter (where surveyed = 1 and is_answered) as surveys_answered,
    {timed},
    count(rating) as csat_n, sum(rating)::double as csat_sum, avg(rating) as csat_avg, {targets}"""


EVENTS = """
create or replace temp view joined as
select c.*, timezone(time_zone, timezone('UTC', survey_sent_at))::date as surveyed_on,
    timezone(time_zone, timezone('UTC', survey_responded_at))::date as answered_on,
    csat_rating >= csat_satisfied_from as is_satisfied,
    csat_rating <= csat_dissatisfied_to as is_dissatisfied,
    if(len(conversation_tags) = 0, ['Untagged'], conversation_tags) as tags
from fct_conversations c join dim_accounts using (account_id);

create or replace temp view activity as
select started_on as report_date, account_id, origin, agent_id, tags, 1 as started,
    contact_key as contact, is_closed, reopens, is_one_touch, is_automation_only, windows_expired, is_repeat,
    duration_seconds, total_wait_seconds, is_duration_within_target as duration_on_target from joined
union all by name
select started_on as report_date, account_id, origin, tags,
    coalesce(first_response_agent_id, agent_id) as agent_id,
    first_response_seconds, first_response_working_seconds,
    is_first_response_within_target as first_response_on_target
    from joined where first_response_seconds is not null or is_first_response_within_target is not null
union all by name
select closed_on as report_date, account_id, origin, agent_id, tags, 1 as closed_now
    from joined where closed_on is not null
union all by name
select asked_on as report_date, t.account_id, origin, tags, outcome,
    coalesce(answered_by_agent_id, agent_id) as agent_id,
    wait_seconds as reply_seconds, is_within_target as reply_on_target
    from fct_customer_turns t join joined using (conversation_id)
union all by name
select sent_on as report_date, m.account_id, coalesce(origin, 'other') as origin,
    if(direction = 'inbound', c.agent_id, m.agent_id) as agent_id, tags,
    1 as message, direction, is_agent_message, is_automated
    from fct_messages m left join joined c using (conversation_id)
union all by name
select surveyed_on as report_date, account_id, origin, tags, csat_agent_id as agent_id,
    agent_id as conversation_agent_id,
    1 as surveyed, csat_rating is not null as is_answered
    from joined where surveyed_on is not null
union all by name
select answered_on as report_date, account_id, origin, tags, csat_agent_id as agent_id,
    agent_id as conversation_agent_id,
    csat_rating as rating, is_satisfied as satisfied, is_dissatisfied as dissatisfied
    from joined where answered_on is not null;
"""

RATINGS = ", ".join(f"count(*) filter (where rating = {r}) as rating_{r}" for r in range(1, 6))

# The rows of each table by day, and of the tables that only the report macros read.
BY_DAY = {
    "agg_overview": f"""
        select account_id, origin, {_measures()}, report_date
        from activity group by account_id, origin, report_date
    """,
    "agg_by_agent": f"""
        select h.account_id, h.agent_id, coalesce(agent_name, 'Unassigned') as agent_name, {_measures()},
            report_date
        from activity h left join dim_agents a on h.agent_id = a.agent_id
        group by h.account_id, h.agent_id, agent_name, report_date
    """,
    "agg_by_tag": f"""
        select account_id, tag, {_measures()}, report_date
        from (select *, unnest(tags) as tag from activity) group by account_id, tag, report_date
    """,
    "csat_summary": f"""
        select account_id, origin, conversation_agent_id as agent_id, agent_id as csat_agent_id,
            count(surveyed) as surveys_sent,
            count(*) filter (where surveyed = 1 and is_answered) as surveys_answered,
            count(rating) as responses,
            count(*) filter (where satisfied) as satisfied,
            count(*) filter (where dissatisfied) as dissatisfied, {RATINGS},
            sum(rating)::double as csat_sum, avg(rating) as csat_avg,
            count(*) filter (where satisfied) / nullif(count(rating), 0) as csat_score,
            surveys_answered / nullif(count(surveyed), 0) as response_rate, report_date
        from activity where surveyed = 1 or rating is not null
        group by account_id, origin, conversation_agent_id, agent_id, report_date
    """,
    "agg_by_hour": """
        select account_id, isodow(report_date)::int as iso_weekday, hour,
            count(*) filter (where c) as conversations,
            count(*) filter (where not c and direction = 'inbound') as inbound_messages,
            count(*) filter (where not c and is_agent_message) as agent_messages, report_date
        from (
            select account_id, started_on as report_date, started_hour as hour, true as c
                from fct_conversations
            union all by name
            select account_id, sent_on as report_date, sent_hour as hour, false as c, direction,
                is_agent_message
                from fct_messages
        ) group by account_id, report_date, hour
    """,
    "agg_delivery": """
        select account_id, coalesce(template_name, 'No template') as template_name, pricing_category,
            count(*) as messages,
            count(*) filter (where delivery_status in ('sent', 'delivered', 'read', 'deleted')) as sent,
            count(*) filter (where delivery_status in ('delivered', 'read')) as delivered,
            count(*) filter (where delivery_status = 'read') as read,
            count(*) filter (where delivery_status = 'failed') as failed,
            count(*) filter (where is_billable) as billable,
            delivered / nullif(sent, 0) as delivery_rate, read / nullif(delivered, 0) as read_rate,
            failed / nullif(sent + failed, 0) as failure_rate, sent_on as report_date
        from fct_messages where direction = 'outbound' group by all
    """,
}
OF_CONVERSATION = "c.channel_id, c.team_id, c.tags, c.contact_tags, c.is_in_working_hours"
REPORT_INPUTS = {
    "reporting.rpt_conversations": """
        select account_id, left(contact_key, 32)::uuid as contact, channel_id, team_id, origin, agent_id,
            coalesce(first_response_agent_id, agent_id) as responder_id, tags, contact_tags, is_closed,
            is_in_working_hours, is_one_touch, is_automation_only, is_repeat, reopens, windows_expired,
            duration_seconds, duration_working_seconds, first_response_seconds,
            first_response_working_seconds, total_wait_seconds, total_wait_working_seconds,
            is_first_response_within_target, is_duration_within_target, started_on, started_hour
        from joined
    """,
    "reporting.rpt_turns": f"""
        select t.account_id, c.origin, c.agent_id,
            coalesce(t.answered_by_agent_id, c.agent_id) as responder_id,
            {OF_CONVERSATION}, t.outcome, t.asked_hour, t.wait_seconds, t.wait_working_seconds,
            t.is_within_target, t.asked_on
        from fct_customer_turns as t join joined as c using (conversation_id)
    """,
    "reporting.rpt_counts_by_day": f"""
        with counted as (
            select m.account_id, if(m.direction = 'inbound', c.agent_id, m.agent_id) as counted_agent_id,
                c.agent_id, coalesce(c.origin, 'other') as origin, {OF_CONVERSATION},
                c.conversation_id is not null as has_conversation, m.sent_on as day,
                m.direction = 'inbound' as is_inbound, m.is_agent_message, m.is_automated
            from fct_messages as m left join joined as c using (conversation_id)
            union all by name
            select account_id, agent_id as counted_agent_id, agent_id, origin, {OF_CONVERSATION},
                true as has_conversation, closed_on as day, true as is_close
            from joined as c where closed_on is not null
            union all by name
            select account_id, csat_agent_id as counted_agent_id, agent_id, origin, {OF_CONVERSATION},
                true as has_conversation, surveyed_on as day, true as is_survey,
                csat_rating is not null as is_answered
            from joined as c where surveyed_on is not null
            union all by name
            select account_id, csat_agent_id as counted_agent_id, agent_id, origin, {OF_CONVERSATION},
                true as has_conversation, answered_on as day, csat_rating as rating,
                is_satisfied, is_dissatisfied
            from joined as c where answered_on is not null and csat_rating is not null
        )
        select account_id, counted_agent_id, agent_id, channel_id, team_id, origin, tags, contact_tags,
            is_in_working_hours, has_conversation, day,
            count(*) filter (where is_inbound) as inbound_messages,
            count(*) filter (where not is_inbound) as outbound_messages,
            count(*) filter (where is_agent_message) as agent_messages,
            count(*) filter (where is_automated) as automated_messages, count(is_close) as closed_on_day,
            count(is_survey) as surveys_sent, count(*) filter (where is_answered) as surveys_answered,
            count(rating) as csat_n, sum(rating)::bigint as csat_sum,
            count(*) filter (where is_satisfied) as satisfied,
            count(*) filter (where is_dissatisfied) as dissatisfied, {RATINGS}
        from counted group by all
    """,
}
DAYS = {
    "reporting.rpt_conversations": "started_on",
    "reporting.rpt_turns": "asked_on",
    "reporting.rpt_counts_by_day": "day",
}
# Tables that every build rewrites.
OPEN_PERIODS = """
create or replace table reporting.rpt_open_periods as
select conversation_id, account_id, channel_id, team_id, origin, agent_id, build_id, tags, contact_tags,
    is_in_working_hours, started_at as opened_at, closed_at as left_at
from joined;
"""
BACKLOG = """
create or replace temp macro local_day(instant, zone) as timezone(zone, timezone('UTC', instant))::date;
create or replace table agg_backlog as
select
    account_id,
    agent_id,
    coalesce(agent_name, 'Unassigned') as agent_name,
    getvariable('build_id') as build_id,
    count(*) as open,
    count(*) filter (where local_day(opened_at + interval 24 hours, time_zone) <= day) as open_over_1_day,
    count(*) filter (where local_day(opened_at + interval 168 hours, time_zone) <= day) as open_over_7_days,
    day as report_date
from (
    select p.*, c.agent_id, a.time_zone, unnest(
        generate_series(
            local_day(opened_at, time_zone)::timestamp,
            least(local_day(left_at, time_zone) - 1, last_on)::timestamp,
            interval 1 day
        )
    )::date as day
    from reporting.rpt_open_periods as p
    join fct_conversations as c using (conversation_id, account_id)
    join dim_accounts as a using (account_id)
    join (
        select account_id, local_day(max(sent_at), any_value(time_zone)) as last_on
        from fct_messages join dim_accounts using (account_id) group by account_id
    ) using (account_id)
) left join (select agent_id, agent_name from dim_agents) using (agent_id)
group by all;
"""
COVERAGE = """
create or replace table reporting.rpt_coverage as
select account_id, min(report_date) as first_day, max(report_date) filter (where messages > 0) as through_day,
    max(report_date) as last_day, any_value(data_through) as data_through
from agg_overview
left join (select account_id, max(sent_at) as data_through from fct_messages group by account_id)
    using (account_id)
group by account_id;
"""
TAGS = """
create or replace table reporting.rpt_tags as
select distinct account_id, 'conversation name ' || tag as tag_key, 'conversation' as tagged, tag
from (select account_id, unnest(conversation_tags) as tag from fct_conversations)
union all
select distinct account_id, 'contact name ' || tag, 'contact', tag
from (select account_id, unnest(contact_tags) as tag from fct_conversations);
"""

AGGREGATES = "".join(
    f"create table {table} as select *, getvariable('build_id') as build_id from ({query});\n"
    for table, query in BY_DAY.items()
)

# An increment: each conversation of the last day gets a reopen, and one message of that day is added.
CHANGES = """
set variable last_day = (select max(started_on) from fct_conversations);
update fct_conversations set reopens = reopens + 1, build_id = getvariable('build_id')
    where started_on = getvariable('last_day');
update dim_contacts set source = 'changed', build_id = getvariable('build_id')
    where contact_key in (select contact_key from fct_conversations where build_id = getvariable('build_id'));
insert into fct_messages by name
    select * replace (message_id || '-' || getvariable('build_id') as message_id,
        source_message_id || '-' || getvariable('build_id') as source_message_id,
        getvariable('build_id') as build_id)
    from fct_messages where sent_on = getvariable('last_day') and direction = 'inbound'
    order by message_id limit 1;
insert into build.changes
    select build_id, 'fct_conversations', account_id, conversation_id, day
    from (
        select *, unnest(list_distinct([started_on, closed_on, surveyed_on, answered_on])) as day from joined
    )
    where build_id = getvariable('build_id') and day is not null
    union all
    select build_id, 'fct_messages', account_id, conversation_id, sent_on
    from fct_messages where build_id = getvariable('build_id');
"""


def write(
    path: Path,
    conversations: int = 300,
    messages_each: int = 6,
    days: int = 20,
    salt: int = 0,
    agent_name: str = "Agent ",
    memory_limit: str = "4GB",
    build_id: str = BUILD,
    fingerprint: str = FINGERPRINT,
) -> Path:
    """Write the candidate of a full build to `path` and return the path. `salt` changes the values."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    config = {"memory_limit": memory_limit, "storage_compatibility_version": "v1.5.0"}
    with duckdb.connect(path, config=config) as connection:
        connection.execute(
            f"set variable conversations = {conversations}; set variable messages_each = {messages_each};"
            f"set variable days = {days}; set variable salt = {salt}; set variable first_day = '{FIRST_DAY}';"
            f"set variable agent_name = {quoted(agent_name)}; set variable build_id = {quoted(build_id)};"
            "set preserve_insertion_order = false; create schema reporting;"
        )
        connection.execute(BUILDS)
        connection.execute(FACTS)
        connection.execute(EVENTS)
        connection.execute(AGGREGATES)
        write_report_inputs(connection, build_id)
        _comment(connection)
        _record(connection, build_id, fingerprint, is_full=True)
    return path


def write_report_inputs(connection: duckdb.DuckDBPyConnection, build_id: str = BUILD) -> None:
    """Write the tables that only the report macros read, from the current facts."""
    connection.execute(EVENTS)
    for table, query in REPORT_INPUTS.items():
        connection.execute(
            f"create or replace table {table} as select *, {quoted(build_id)} as build_id from ({query})"
            f" order by {DAYS[table]}, account_id"
        )
    connection.execute(f"set variable build_id = {quoted(build_id)}")
    connection.execute(OPEN_PERIODS + BACKLOG + COVERAGE + TAGS)


def increment(
    path: Path, build_id: str = "build-2", fingerprint: str = "fingerprint-2", completes: bool = True
) -> None:
    """Change the facts of the last day, recompute its rows, and record a build."""
    with duckdb.connect(path) as connection:
        connection.execute(f"set variable build_id = {quoted(build_id)}")
        connection.execute(EVENTS)
        connection.execute(CHANGES)
        days = f"select account_id, changed_on from build.changes where build_id = {quoted(build_id)}"
        for table, query in (BY_DAY | REPORT_INPUTS).items():
            changed = f"(account_id, {DAYS.get(table, 'report_date')}) in ({days})"
            connection.execute(f"delete from {table} where {changed}")
            connection.execute(
                f"insert into {table} by name"
                f" select *, getvariable('build_id') as build_id from ({query}) where {changed}"
            )
        _record(connection, build_id, fingerprint, is_full=False, completes=completes)


def _record(
    connection: duckdb.DuckDBPyConnection,
    build_id: str,
    fingerprint: str,
    is_full: bool,
    completes: bool = True,
) -> None:
    """Add a row to the log of builds. An incomplete build has no fingerprint and no result."""
    connection.execute(
        "insert into build.builds select $id, $full, if($done, $fingerprint, null), 'rules', ['1 2'],"
        " if($done, 'success', null), number, began, if($done, began + interval 1 minute, null)"
        " from (select count(*) + 1 as number, timestamp '2026-04-10 05:00' + count(*) * interval 1 day"
        " as began from build.builds)",
        {"id": build_id, "full": is_full, "done": completes, "fingerprint": fingerprint},
    )


def _comment(connection: duckdb.DuckDBPyConnection) -> None:
    tables = connection.execute("select schema_name, table_name from duckdb_tables()").fetchall()
    for schema, table in tables:
        connection.execute(f"comment on table {schema}.{table} is 'What {table} holds. One row per key.'")
    connection.execute("comment on table fct_conversations is 'One row per conversation'")
    connection.execute("comment on column fct_conversations.origin is 'How it began; a reader''s word'")
