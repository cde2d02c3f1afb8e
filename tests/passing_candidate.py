"""A small candidate that passes every check, with its seeds and raw files, and functions that change it.

Belongs here: the rows, an increment, and a published release. Does not: changes that break a check
(`test_checks`).
"""

import json

import duckdb
from synthetic_candidate import AGGREGATES, BACKLOG, BUILDS, EVENTS

from orchestration.common.sql import quoted
from orchestration.quality.check import CheckResult
from orchestration.quality.gate import run_gate
from orchestration.quality.marts import MARTS
from orchestration.settings import Settings

# Forty days until yesterday, 20:00, in Rome. The day before yesterday is a holiday with few conversations.
FACTS = """
create schema warehouse.seeds;
create schema reporting;
create table warehouse.seeds.accounts as
    from (values ('demo', 'activecampaign', 'Europe/Rome'), ('second', 'activecampaign', 'Europe/Rome'))
        as t(account_id, platform, time_zone);
create table warehouse.seeds.csat_scales as
    from (values ('activecampaign', 1, 5, 4, 2))
        as t(platform, rating_min, rating_max, satisfied_from, dissatisfied_to);
create table warehouse.seeds.working_hours as
    from (values ('demo', 1, '09:00', '18:00'), ('second', 1, '09:00', '18:00'))
        as t(account_id, iso_weekday, opens_at, closes_at);
create table dim_accounts as
    select account_id, platform, time_zone, satisfied_from as csat_satisfied_from,
        dissatisfied_to as csat_dissatisfied_to
    from warehouse.seeds.accounts join warehouse.seeds.csat_scales using (platform);
set variable last_day = timezone('Europe/Rome', now())::date - 1;
create table warehouse.seeds.holidays as
    from (values ('demo', getvariable('last_day') - 1, 'Patron')) as t(account_id, holiday_on, name);

create temp view drawn as
select
    i,
    if(hash(i, 'account') % 20 = 0, 'second', 'demo') as account_id,
    account_id || ':' || i as conversation_id,
    md5(account_id || hash(i, 'contact') % (1 + getvariable('conversations') // 3))
        || md5(account_id) as contact_key,
    getvariable('last_day') + interval 20 hour
        - to_seconds((hash(i, 'start') % (40 * 86400))::bigint) as local_at,
    timezone('UTC', timezone('Europe/Rome', local_at)) as started_at,
    (1 + hash(i, 'size') % getvariable('size'))::bigint as size,
    hash(i, 'closed') % 10 < 6 as is_closed
from range(getvariable('conversations')) as t(i)
where local_at::date <> getvariable('last_day') - 1 or i % 10 = 0;

-- Customer and support alternate. Every second message of the support is automated.
create table fct_messages as
select
    account_id || ':m' || i || '-' || j as message_id,
    account_id,
    'm' || i || '-' || j as source_message_id,
    conversation_id,
    contact_key,
    if(j % 4 = 1, account_id || ':' || i % 4, null) as agent_id,
    if(j % 2 = 0, 'inbound', 'outbound') as direction,
    if(j % 2 = 0, 'inbound', if(j % 4 = 1, 'inbox', 'flow')) as source,
    if(j % 2 = 0, 'received', ['sent', 'delivered', 'read', 'failed'][1 + (hash(i, j) % 4)::int])
        as delivery_status,
    if(j % 4 = 3, 'offer', null) as template_name,
    if(j % 4 = 3, 'marketing', null) as pricing_category,
    j % 4 = 1 as is_agent_message,
    j % 4 = 3 as is_automated,
    if(j % 4 = 3, delivery_status <> 'failed', null) as is_billable,
    true as has_conversation,
    started_at + to_seconds(300 * j) as sent_at,
    timezone('Europe/Rome', timezone('UTC', sent_at))::date as sent_on,
    hour(timezone('Europe/Rome', timezone('UTC', sent_at)))::int as sent_hour,
    if(delivery_status in ('delivered', 'read'), sent_at + interval 1 second, null) as delivered_at,
    if(delivery_status = 'read', sent_at + interval 1 minute, null) as read_at,
    getvariable('build_id') as build_id
from drawn, range(getvariable('size')) as r(j)
where j < size;

create table fct_conversations as
select
    conversation_id,
    account_id,
    i::varchar as source_conversation_id,
    contact_key,
    ['flow', 'inbox', 'inbound', 'other'][1 + (hash(i, 'origin') % 4)::int] as origin,
    if(is_closed, 'closed', 'in_progress') as status,
    if(i % 5 = 0, null, account_id || ':' || i % 4) as agent_id,
    if(size >= 2, account_id || ':' || i % 4, null) as first_response_agent_id,
    if(size >= 2, 'agent', 'nobody') as handled_by,
    list_filter(['billing', 'delivery'], lambda tag: hash(i, tag) % 10 < 4) as conversation_tags,
    is_closed,
    is_closed and (size + 2) // 4 = 1 and i % 7 <> 0 as is_one_touch,
    false as is_automation_only,
    if(i % 9 = 0, null, i % 11 = 0) as is_repeat,
    if(size >= 2, i % 6 > 0, null) as is_first_response_within_target,
    if(is_closed, size < 7, null) as is_duration_within_target,
    size as messages,
    (size + 1) // 2 as inbound_messages,
    size // 2 as outbound_messages,
    (size + 2) // 4 as agent_messages,
    size // 4 as automated_messages,
    least(agent_messages, 1) as agents_replied,
    if(i % 7 = 0, 1, 0) as reopens,
    1::bigint as assignments,
    1::bigint as agents_assigned,
    null::bigint as days_since_previous,
    0::bigint as windows_expired,
    (size + 2) // 4 as turns_answered,
    if(size % 4 <> 2 and is_closed, 1, 0)::bigint as turns_closed,
    if(size % 4 <> 2 and not is_closed, 1, 0)::bigint as turns_waiting,
    if(is_closed, 300 * size + 600, null)::double as duration_seconds,
    if(is_closed, 300 * size, null)::double as duration_working_seconds,
    if(size >= 2, 300, null)::double as first_response_seconds,
    if(size >= 2, 100, null)::double as first_response_working_seconds,
    if(size >= 2, 300 + 900 * (turns_answered - 1), null)::double as total_wait_seconds,
    if(size >= 2, if(turns_answered > 1, 900, 300), null)::double as max_wait_seconds,
    if(size >= 2, 100, null)::double as total_wait_working_seconds,
    if(is_closed and i % 3 = 0, 1 + hash(i, 'rating') % 5, null)::bigint as csat_rating,
    local_at::date as started_on,
    hour(local_at)::int as started_hour,
    started_at,
    started_at as first_inbound_at,
    if(size >= 2, started_at + interval 300 second, null) as first_response_at,
    if(is_closed, started_at + to_seconds(300 * size + 600), null) as closed_at,
    closed_at as first_closed_at,
    timezone('Europe/Rome', timezone('UTC', closed_at))::date as closed_on,
    if(turns_waiting = 1, started_at, null)
        + to_seconds(if(turns_answered = 0, 0, 1200 * turns_answered - 600)) as waiting_since,
    if(is_closed and (i % 2 = 0 or i % 3 = 0), closed_at + interval 30 minute, null) as survey_sent_at,
    timezone('Europe/Rome', timezone('UTC', survey_sent_at))::date as survey_sent_on,
    if(csat_rating is not null, closed_at + interval 1 hour, null) as survey_responded_at,
    if(survey_sent_at is null, null, agent_id) as csat_agent_id,
    getvariable('build_id') as build_id
from drawn;

-- An agent answers the first message, and then every second message of the customer.
create table fct_customer_turns as
select
    conversation_id || ':' || n as turn_id,
    conversation_id,
    account_id,
    if(n <= turns_answered, 'answered', if(is_closed, 'closed', 'waiting')) as outcome,
    if(n <= turns_answered, first_response_agent_id, null) as answered_by_agent_id,
    n::int as turn_number,
    if(n = 1, 1, 2)::bigint as inbound_messages,
    started_at + to_seconds(if(n = 1, 0, 1200 * n - 1800)) as asked_at,
    hour(timezone('Europe/Rome', timezone('UTC', asked_at)))::int as asked_hour,
    if(n <= turns_answered, if(n = 1, 300, 900), null)::double as wait_seconds,
    if(n <= turns_answered, 100, null)::double as wait_working_seconds,
    if(n <= turns_answered, n % 3 > 0, null) as is_within_target,
    timezone('Europe/Rome', timezone('UTC', asked_at))::date as asked_on,
    if(n <= turns_answered, asked_at + to_seconds(wait_seconds), closed_at) as ended_at,
    build_id
from fct_conversations, range(1, 9) as t(n)
where n <= turns_answered + turns_closed + turns_waiting;

create table dim_agents as
select account_id || ':' || i as agent_id, account_id, 'Agent ' || i as agent_name
from dim_accounts, range(4) as t(i);
create table dim_contacts as
select contact_key, any_value(account_id) as account_id, getvariable('build_id') as build_id
from fct_conversations group by contact_key;
create table fct_conversation_events as
select conversation_id || '-closed' as event_id, account_id, conversation_id, 'closed' as event_type,
    closed_at as occurred_at, getvariable('build_id') as build_id
from fct_conversations where is_closed;
create table bridge_conversation_tags as
select conversation_id, account_id, unnest(conversation_tags) as tag, getvariable('build_id') as build_id
from fct_conversations;

create table ingested_files as
select batch_id, account_id, entity, entity || '/' || account_id || batch_id || '.jsonl' as file,
    'loaded' as status, null::varchar as reason, 1 as bytes, 1000 as records_read,
    if(batch_id = '1', 100, 960) as records_accepted, if(batch_id = '1', 900, 40) as records_rejected,
    timestamp '2026-01-01' as first_at, timestamp '2026-01-01' as last_at
from (values ('1'), ('2')) as b(batch_id), dim_accounts,
    (values ('conversations'), ('messages'), ('contacts'), ('agents'), ('surveys')) as e(entity);
create table rejected_records as
select batch_id, account_id, entity, file, 'id' as field, r.reason, 'fix it' as remedy,
    records_rejected // 2 as records_rejected
from ingested_files, (values ('id is missing'), ('id is not a text')) as r(reason);
"""

# Two batches contain every record.
RAW = """
copy (
    select source_conversation_id as id, account_id as _account_id, batch as _batch_id
    from fct_conversations, (values ('1'), ('2')) as versions(batch)
) to '{raw}/conversations/activecampaign/1.parquet';
copy (
    select source_message_id as id, account_id as _account_id, batch as _batch_id, 'text' as msg_type
    from fct_messages, (values ('1'), ('2')) as versions(batch)
) to '{raw}/messages/activecampaign/1.parquet';
create temp table whatsapp_records as
    select 'm' as id, 'a' as _account_id, '1' as _batch_id, 'text' as type, 'g' as group_id,
        'messages' as change_field, 'group' as recipient_type limit 0;
copy whatsapp_records to '{raw}/messages/whatsapp_cloud/1.parquet';
copy whatsapp_records to '{raw}/message_echoes/whatsapp_cloud/1.parquet';
copy whatsapp_records to '{raw}/statuses/whatsapp_cloud/1.parquet';
copy (
    select 'note' as id, 'demo' as _account_id, '1' as _batch_id, private, message_type
    from (values ('true', '1'), (null, '2')) as unseen(private, message_type)
) to '{raw}/messages/chatwoot/1.parquet';
copy ingested_files to '{raw}/ingested_files/1.parquet';
"""

BUILD = """
insert into build.builds values
    ({build_id}, {is_full}, 'fingerprint', 'rules', {batches}, 'success', {build_number},
    now()::timestamp, now()::timestamp)
"""
# The files of batch 3 have no records yet.
INCREMENT = """
insert into ingested_files by name
    select * replace ('3' as batch_id, replace(file, '2.jsonl', '3.jsonl') as file,
        960 as records_accepted, 40 as records_rejected)
    from ingested_files where batch_id = '2';
insert into rejected_records by name
    select * replace ('3' as batch_id, replace(file, '2.jsonl', '3.jsonl') as file)
    from rejected_records where batch_id = '2';
copy (from ingested_files where batch_id = '3') to '{raw}/ingested_files/3.parquet';
"""

OPEN_PERIODS = """
create table reporting.rpt_open_periods as
select conversation_id, account_id, build_id, started_at as opened_at, closed_at as left_at
from fct_conversations;
"""


def write_passing_candidate(settings: Settings, conversations: int = 1200, size: int = 8) -> None:
    """Write the candidate of the full build `build-1`, with the records of batches 1 and 2."""
    settings.ensure_hash_key()
    whatsapp = [f"{entity}/whatsapp_cloud" for entity in ("messages", "message_echoes", "statuses")]
    messages = ("messages/activecampaign", "messages/chatwoot", *whatsapp)
    for folder in ("conversations/activecampaign", *messages, "ingested_files"):
        (settings.raw_path / folder).mkdir(parents=True)
    variables = f"""
        set variable conversations = {conversations}; set variable size = {size};
        set variable build_id = 'build-1';
    """
    build = BUILD.format(build_id="'build-1'", is_full="true", build_number=1, batches="['1 10', '2 10']")
    for script in (variables + FACTS + EVENTS + AGGREGATES + OPEN_PERIODS + BACKLOG, RAW, BUILDS, build):
        change(settings, script)


def change(settings: Settings, sql: str) -> None:
    """Run statements on the candidate with the warehouse attached. `{raw}` is the folder of raw files."""
    with duckdb.connect(settings.candidate_path) as connection:
        connection.execute(f"attach {quoted(settings.warehouse_path)} as warehouse")
        connection.execute(sql.replace("{raw}", str(settings.raw_path)))


def add_increment(settings: Settings) -> None:
    """Add the incremental build `build-2` of batch 3, without rows."""
    change(settings, INCREMENT)
    change(
        settings,
        BUILD.format(
            build_id="'build-2'", is_full="false", build_number=2, batches="['1 10', '2 10', '3 10']"
        ),
    )


def assign_rows(settings: Settings, build_id: str) -> None:
    """Assign all rows to a build."""
    incremental = [mart.table for mart in MARTS if mart.is_incremental]
    change(settings, "".join(f"update {table} set build_id = '{build_id}';" for table in incremental))


def write_release(settings: Settings, rows: dict[str, int], build_id: str = "another build") -> None:
    """Write the fields of `release.json` that the gate reads."""
    settings.published_path.mkdir(exist_ok=True)
    (settings.published_path / "release.json").write_text(json.dumps({"build_id": build_id, "rows": rows}))


def failures(settings: Settings, *tables: str) -> dict[str, CheckResult]:
    """Return the results of the failed checks of these tables, by name."""
    marts = [mart for mart in MARTS if mart.table in tables]
    return {result.check.name: result for result in run_gate(settings, marts) if not result.passed}


def change_one_row(table: str, change: str, where: str = "true") -> str:
    """Return an SQL statement that changes one row of a table."""
    return f"""
        update {table} set {change}
        where rowid = (select min(rowid) from {table} where {where})
    """


def lost_record(entity: str, batch: str = "2", number: int = 2) -> str:
    """Return an SQL statement that adds a record to the raw files, but not to the candidate."""
    return f"""
        copy (select 'lost' as id, 'demo' as _account_id, '{batch}' as _batch_id)
            to '{{raw}}/{entity}/activecampaign/{number}.parquet'
    """
