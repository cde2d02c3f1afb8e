"""A warehouse made of nothing but a row number and a hash, with the columns that the marts promise.

Belongs here: the rows that the tests of the publish room read. Does not: any rule of the pipeline; the
numbers are arbitrary, only the columns, their types and the keys between the tables are real.
"""

from pathlib import Path

import duckdb

from orchestration.common.sql import quoted

FIRST_DAY = "2026-03-20"  # ten days before the clocks change in Rome
ACCOUNTS = {"demo": "Europe/Rome", "second": "America/New_York"}

MARTS = """
create schema seeds;
create table seeds.accounts as
    from (values ('demo', 'activecampaign', 'Europe/Rome'), ('second', 'unscaled', 'America/New_York'))
        as t(account_id, platform, time_zone);
create table seeds.csat_scales as
    from (values ('activecampaign', 1, 5, 5, 3))
        as t(platform, rating_min, rating_max, satisfied_from, dissatisfied_to);
create schema staging;
create table staging.stg_ingest__files as
    from (values ('f1', 'a.jsonl'), ('f2', 'b.jsonl')) as t(file_id, file);

create macro dice(i, name, sides) as (hash(i, name, getvariable('salt')) % sides)::int;
create macro chance(i, name, percent) as dice(i, name, 100) < percent;
create macro moment(i) as
    getvariable('first_day')::timestamp + to_seconds(dice(i, 'start', getvariable('days') * 86400));
create macro local_clock(instant, account) as
    timezone(if(account = 'demo', 'Europe/Rome', 'America/New_York'), timezone('UTC', instant));

create schema marts;
create table marts.fct_conversations as
with base as (
    select
        i,
        if(chance(i, 'account', 20), 'second', 'demo') as account_id,
        moment(i) as started_at,
        chance(i, 'closed', 60) as is_closed,
        chance(i, 'working', 70) as is_in_working_hours,
        if(chance(i, 'agent', 80), dice(i, 'agent', 4), null) as agent,
        if(chance(i, 'responded', 70), dice(i, 'responder', 4), null) as responder,
        dice(i, 'turns', 4) as turns_answered,
        if(chance(i, 'sent', 50), started_at + to_seconds(dice(i, 'sent', 300000)), null) as survey_sent_at,
        if(chance(i, 'answered', 60), survey_sent_at + to_seconds(dice(i, 'answer', 90000)), null)
            as survey_responded_at
    from range(getvariable('conversations')) as t(i)
)
select
    account_id || ':' || i as conversation_id,
    account_id,
    i::varchar as source_conversation_id,
    md5(account_id || dice(i, 'contact', 1 + getvariable('conversations') // 3)) as contact_key,
    'c1' as channel_id,
    't1' as team_id,
    ['flow', 'inbox', 'inbound', 'other'][1 + dice(i, 'origin', 4)] as origin,
    if(is_closed, 'closed', 'in_progress') as status,
    account_id || ':' || agent as agent_id,
    account_id || ':' || responder as first_response_agent_id,
    list_filter(['billing', 'delivery', 'refund'], lambda tag: chance(i, tag, 30)) as conversation_tags,
    list_filter(['new', 'vip'], lambda tag: chance(i, tag, 20)) as contact_tags,
    is_closed,
    is_in_working_hours,
    is_closed and chance(i, 'one touch', 30) as is_one_touch,
    is_closed and not is_one_touch and chance(i, 'automation', 20) as is_automation_only,
    dice(i, 'messages', 9)::bigint as messages,
    dice(i, 'messages', 5)::bigint as inbound_messages,
    dice(i, 'messages', 4)::bigint as outbound_messages,
    dice(i, 'messages', 3)::bigint as agent_messages,
    dice(i, 'messages', 2)::bigint as automated_messages,
    dice(i, 'replied', 3)::bigint as agents_replied,
    dice(i, 'reopens', 3)::bigint as reopens,
    dice(i, 'missed', 2)::bigint as windows_missed,
    turns_answered::bigint as turns_answered,
    dice(i, 'unanswered', 3)::bigint as turns_unanswered,
    if(is_closed, dice(i, 'duration', 500000), null)::double as duration_seconds,
    if(is_closed, dice(i, 'duration', 90000), null)::double as duration_working_seconds,
    if(responder is null, null, dice(i, 'response', 9000))::double as first_response_seconds,
    if(responder is null, null, dice(i, 'response', 5000))::double as first_response_working_seconds,
    (turns_answered * dice(i, 'wait', 9000))::double as wait_sum_seconds,
    (turns_answered * dice(i, 'wait', 4000))::double as wait_max_seconds,
    (turns_answered * dice(i, 'wait', 2000))::double as wait_working_sum_seconds,
    if(survey_responded_at is null, null, 1 + dice(i, 'rating', 5))::bigint as csat_rating,
    local_clock(started_at, account_id)::date as started_on,
    hour(local_clock(started_at, account_id))::int as started_hour,
    started_at,
    started_at as first_inbound_at,
    started_at + to_seconds(first_response_seconds) as first_response_at,
    started_at + to_seconds(duration_seconds) as first_closed_at,
    started_at + to_seconds(duration_seconds) as closed_at,
    started_at + to_seconds(200000) as last_message_at,
    survey_sent_at,
    survey_responded_at
from base;

create table marts.fct_messages as
with base as (
    select
        i,
        i // getvariable('messages_each') as conversation,
        if(chance(conversation, 'account', 20), 'second', 'demo') as account_id,
        moment(conversation) + to_seconds(dice(i, 'pause', 200000)) as sent_at,
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
    if(is_agent_message, account_id || ':' || dice(i, 'sender', 4), null) as agent_id,
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
    null::timestamp as failed_at
from base;

create table marts.dim_agents as
select account_id || ':' || i as agent_id, account_id, i::varchar as source_agent_id,
    getvariable('agent_name') || i as agent_name, 'agent' as role, ['support'] as team_names
from seeds.accounts, range(4) as t(i);

create table marts.dim_contacts as
select contact_key, account_id, 'api' as source, ['vip'] as contact_tags, min(started_at) as created_at
from marts.fct_conversations group by contact_key, account_id;

create table marts.bridge_conversation_tags as
select conversation_id, account_id, unnest(conversation_tags) as tag from marts.fct_conversations;

create table marts.fct_conversation_events as
select conversation_id || '-' || event_type as event_id, account_id, conversation_id,
    if(event_type = 'assigned', agent_id, null) as agent_id, event_type, 'agent' as reason,
    if(event_type = 'assigned', started_at, closed_at) as occurred_at
from marts.fct_conversations, (values ('assigned'), ('closed')) as kinds(event_type)
where is_closed and agent_id is not null;

create table marts.ingested_files as
select 'demo' as account_id, '1' as batch_id, 'f' || i as file_id, 'messages' as entity,
    ['a|b.jsonl', '<b>*c*</b>.jsonl'][i] as file, 'loaded' as status, null::varchar as reason,
    10 as records_read, 8 as records_accepted, 2 as records_rejected
from range(1, 3) as t(i);

create table marts.rejected_records as
select account_id, batch_id, entity, file, 'id' as field, 'id is missing' as reason, 'mend it' as remedy,
    records_rejected, 1 as first_line
from marts.ingested_files;

comment on table marts.fct_conversations is 'One row per conversation';
comment on column marts.fct_conversations.origin is 'How it began; a reader''s word';
"""

STATISTICS = """count({v}) as {m}_n, sum({v})::double as {m}_sum, avg({v}) as {m}_avg,
    quantile_cont({v}, 0.5) as {m}_median, quantile_cont({v}, 0.9) as {m}_p90"""


def _measures(more: str = "") -> str:
    timed = ",\n    ".join(
        STATISTICS.format(m=measure, v=value)
        for measure, value in [
            ("duration", "duration_seconds"),
            ("first_response", "first_response_seconds"),
            ("first_response_working", "first_response_working_seconds"),
            ("wait", "wait_seconds"),
        ]
    )
    return f"""count(started) as conversations, count(distinct contact) as distinct_contacts,
    count(message) as messages, {more} count(*) filter (where is_closed) as closed,
    coalesce(sum(reopens), 0)::bigint as reopens, count(*) filter (where is_one_touch) as one_touch,
    coalesce(sum(windows_missed), 0)::bigint as windows_missed, count(surveyed) as surveys_sent,
    {timed},
    count(rating) as csat_n, sum(rating)::double as csat_sum, avg(rating) as csat_avg"""


EVENTS = """
create temp view zoned as
select c.*, timezone(time_zone, timezone('UTC', survey_sent_at))::date as surveyed_on,
    timezone(time_zone, timezone('UTC', survey_responded_at))::date as answered_on,
    if(len(conversation_tags) = 0, ['Untagged'], conversation_tags) as tags
from marts.fct_conversations c join seeds.accounts using (account_id);

create temp view happenings as
select started_on as report_date, account_id, origin, agent_id, tags, 1 as started, contact_key as contact,
    is_closed, reopens, is_one_touch, windows_missed, duration_seconds,
    if(turns_answered > 0, wait_sum_seconds, null) as wait_seconds from zoned
union all by name
select started_on as report_date, account_id, origin, first_response_agent_id as agent_id, tags,
    first_response_seconds, first_response_working_seconds from zoned where first_response_seconds is not null
union all by name
select sent_on as report_date, m.account_id, coalesce(origin, 'other') as origin, m.agent_id, tags,
    1 as message, direction, is_agent_message, is_automated
    from marts.fct_messages m left join zoned using (conversation_id)
union all by name
select surveyed_on as report_date, account_id, origin, agent_id, tags, 1 as surveyed
    from zoned where surveyed_on is not null
union all by name
select answered_on as report_date, account_id, origin, agent_id, tags, csat_rating as rating,
    csat_rating >= if(account_id = 'demo', 5, 4) as satisfied,
    csat_rating <= if(account_id = 'demo', 3, 2) as dissatisfied
    from zoned where answered_on is not null;
"""

MESSAGE_KINDS = """count(*) filter (where direction = 'inbound') as inbound_messages,
    count(*) filter (where is_agent_message) as agent_messages,
    count(*) filter (where is_automated) as automated_messages,"""

RATINGS = ", ".join(f"count(*) filter (where rating = {r}) as rating_{r}" for r in range(1, 6))

AGGREGATES = f"""
create table marts.agg_overview as
select account_id, origin, {_measures(MESSAGE_KINDS)}, report_date
from happenings group by account_id, origin, report_date;

create table marts.agg_by_agent as
select h.account_id, h.agent_id, coalesce(agent_name, 'Unassigned') as agent_name, {_measures()}, report_date
from happenings h left join marts.dim_agents a on h.agent_id = a.agent_id
group by h.account_id, h.agent_id, agent_name, report_date;

create table marts.agg_by_tag as
select account_id, tag, {_measures()}, report_date
from (select *, unnest(tags) as tag from happenings) group by account_id, tag, report_date;

create table marts.csat_summary as
select account_id, origin, agent_id, count(surveyed) as surveys_sent, count(rating) as responses,
    count(*) filter (where satisfied) as satisfied, count(*) filter (where dissatisfied) as dissatisfied,
    {RATINGS}, sum(rating)::double as csat_sum, avg(rating) as csat_avg,
    count(*) filter (where satisfied) / nullif(count(rating), 0) as csat_score,
    count(rating) / nullif(count(surveyed), 0) as response_rate, report_date
from happenings where surveyed = 1 or rating is not null group by account_id, origin, agent_id, report_date;

create table marts.agg_by_hour as
select account_id, isodow(report_date)::int as iso_weekday, hour, count(*) filter (where c) as conversations,
    count(*) filter (where not c and direction = 'inbound') as inbound_messages,
    count(*) filter (where not c and is_agent_message) as agent_messages, report_date
from (
    select account_id, started_on as report_date, started_hour as hour, true as c from marts.fct_conversations
    union all by name
    select account_id, sent_on as report_date, sent_hour as hour, false as c, direction, is_agent_message
        from marts.fct_messages
) group by account_id, report_date, hour;

create table marts.agg_delivery as
select account_id, coalesce(template_name, 'No template') as template_name, pricing_category,
    count(*) as messages,
    count(*) filter (where delivery_status in ('sent', 'delivered', 'read', 'deleted')) as sent,
    count(*) filter (where delivery_status in ('delivered', 'read')) as delivered,
    count(*) filter (where delivery_status = 'read') as read,
    count(*) filter (where delivery_status = 'failed') as failed,
    count(*) filter (where is_billable) as billable,
    delivered / nullif(sent, 0) as delivery_rate, read / nullif(delivered, 0) as read_rate,
    failed / nullif(sent + failed, 0) as failure_rate, sent_on as report_date
from marts.fct_messages where direction = 'outbound' group by all;
"""


def write(
    path: Path,
    conversations: int = 300,
    messages_each: int = 6,
    days: int = 20,
    salt: int = 0,
    agent_name: str = "Agent ",
    memory_limit: str = "4GB",
) -> Path:
    """Write the warehouse to `path` and return it; another `salt` gives other numbers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with duckdb.connect(path, config={"memory_limit": memory_limit}) as connection:
        connection.execute(
            f"set variable conversations = {conversations}; set variable messages_each = {messages_each};"
            f"set variable days = {days}; set variable salt = {salt}; set variable first_day = '{FIRST_DAY}';"
            f"set variable agent_name = {quoted(agent_name)}; set preserve_insertion_order = false;"
        )
        connection.execute(MARTS)
        connection.execute(EVENTS)
        connection.execute(AGGREGATES)
    return path
