"""The gate lets a sound candidate pass, and every one of its checks can fail.

The warehouse here is made so that all promises hold; each corruption then breaks one of them.
"""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import asdict, replace

import dagster as dg
import duckdb
import pytest
from synthetic_warehouse import AGGREGATES, EVENTS

from orchestration.publish.release import Release
from orchestration.quality.asset_checks import blocking_checks, quality_gate
from orchestration.quality.check import Check, CheckResult, Mart
from orchestration.quality.gate import run_gate
from orchestration.quality.marts import MARTS
from orchestration.quality.marts.aggregates import CSAT_SUMMARY
from orchestration.quality.results import history, keep, write_page
from orchestration.settings import PROJECT, Settings
from orchestration.warehouse.candidate import Built

# Forty days up to 20:00 of yesterday in Rome; the last day but one is nearly empty, and a holiday.
FACTS = """
create schema seeds;
create table seeds.accounts as
    from (values ('demo', 'activecampaign', 'Europe/Rome'), ('second', 'activecampaign', 'Europe/Rome'))
        as t(account_id, platform, time_zone);
create table seeds.csat_scales as
    from (values ('activecampaign', 1, 5, 4, 2))
        as t(platform, rating_min, rating_max, satisfied_from, dissatisfied_to);
create table seeds.working_hours as
    from (values ('demo', 1, '09:00', '18:00'), ('second', 1, '09:00', '18:00'))
        as t(account_id, iso_weekday, opens_at, closes_at);
set variable last_day = timezone('Europe/Rome', now())::date - 1;
create table seeds.holidays as
    from (values ('demo', getvariable('last_day') - 1, 'Patron')) as t(account_id, holiday_on, name);

create schema marts;
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

-- The customer and the support in turn, of whose messages every second is automated.
create table marts.fct_messages as
select
    account_id || ':m' || i || '-' || j as message_id,
    account_id,
    'm' || i || '-' || j as source_message_id,
    conversation_id,
    contact_key,
    if(j % 4 = 1, account_id || ':' || i % 4, null) as agent_id,
    if(j % 2 = 0, 'inbound', 'outbound') as direction,
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
    if(delivery_status = 'read', sent_at + interval 1 minute, null) as read_at
from drawn, range(getvariable('size')) as r(j)
where j < size;

create table marts.fct_conversations as
select
    conversation_id,
    account_id,
    i::varchar as source_conversation_id,
    contact_key,
    ['flow', 'inbox', 'inbound', 'other'][1 + (hash(i, 'origin') % 4)::int] as origin,
    if(is_closed, 'closed', 'in_progress') as status,
    if(i % 5 = 0, null, account_id || ':' || i % 4) as agent_id,
    if(size >= 2, account_id || ':' || i % 4, null) as first_response_agent_id,
    list_filter(['billing', 'delivery'], lambda tag: hash(i, tag) % 10 < 4) as conversation_tags,
    is_closed,
    is_closed and (size + 2) // 4 = 1 and i % 7 <> 0 as is_one_touch,
    size as messages,
    (size + 1) // 2 as inbound_messages,
    size // 2 as outbound_messages,
    (size + 2) // 4 as agent_messages,
    size // 4 as automated_messages,
    least(agent_messages, 1) as agents_replied,
    if(i % 7 = 0, 1, 0) as reopens,
    0::bigint as windows_missed,
    (size + 2) // 4 as turns_answered,
    if(size % 4 = 2, 0, 1)::bigint as turns_unanswered,
    if(is_closed, 300 * size + 600, null)::double as duration_seconds,
    if(is_closed, 300 * size, null)::double as duration_working_seconds,
    if(size >= 2, 300, null)::double as first_response_seconds,
    if(size >= 2, 100, null)::double as first_response_working_seconds,
    if(size >= 2, 300 + 900 * (turns_answered - 1), null)::double as wait_sum_seconds,
    if(size >= 2, if(turns_answered > 1, 900, 300), null)::double as wait_max_seconds,
    if(size >= 2, 100, null)::double as wait_working_sum_seconds,
    if(is_closed and i % 3 = 0, 1 + hash(i, 'rating') % 5, null)::bigint as csat_rating,
    local_at::date as started_on,
    hour(local_at)::int as started_hour,
    started_at,
    started_at as first_inbound_at,
    if(size >= 2, started_at + interval 300 second, null) as first_response_at,
    if(is_closed, started_at + to_seconds(300 * size + 600), null) as closed_at,
    closed_at as first_closed_at,
    if(is_closed and (i % 2 = 0 or i % 3 = 0), closed_at + interval 30 minute, null) as survey_sent_at,
    if(csat_rating is not null, closed_at + interval 1 hour, null) as survey_responded_at
from drawn;

create table marts.dim_agents as
select account_id || ':' || i as agent_id, account_id, 'Agent ' || i as agent_name
from seeds.accounts, range(4) as t(i);
create table marts.dim_contacts as
select contact_key, any_value(account_id) as account_id from marts.fct_conversations group by contact_key;
create table marts.fct_conversation_events as
select conversation_id || '-closed' as event_id, account_id, conversation_id, 'closed' as event_type,
    closed_at as occurred_at
from marts.fct_conversations where is_closed;
create table marts.bridge_conversation_tags as
select conversation_id, account_id, unnest(conversation_tags) as tag from marts.fct_conversations;

create table marts.ingested_files as
select batch_id, account_id, entity, entity || '/' || account_id || batch_id || '.jsonl' as file,
    'loaded' as status, null::varchar as reason, 1 as bytes, 1000 as records_read,
    if(batch_id = '1', 100, 960) as records_accepted, if(batch_id = '1', 900, 40) as records_rejected,
    timestamp '2026-01-01' as first_at, timestamp '2026-01-01' as last_at
from (values ('1'), ('2')) as b(batch_id), seeds.accounts,
    (values ('conversations'), ('messages'), ('contacts'), ('agents'), ('surveys')) as e(entity);
create table marts.rejected_records as
select batch_id, account_id, entity, file, 'id' as field, r.reason, 'mend it' as remedy,
    records_rejected // 2 as records_rejected
from marts.ingested_files, (values ('id is missing'), ('id is not a text')) as r(reason);
"""

# Every record came twice, in two versions.
RAW = """
copy (
    select source_conversation_id as id, account_id as _account_id, 'f' as _file_id
    from marts.fct_conversations, range(2)
) to '{raw}/conversations/activecampaign/1.parquet';
copy (
    select source_message_id as id, account_id as _account_id, 'f' as _file_id
    from marts.fct_messages, range(2)
) to '{raw}/messages/activecampaign/1.parquet';
copy (select 'm' as id, 'a' as _account_id, 'text' as type limit 0)
    to '{raw}/messages/whatsapp_cloud/1.parquet';
copy (select 'm' as id, 'a' as _account_id, 'text' as type limit 0)
    to '{raw}/message_echoes/whatsapp_cloud/1.parquet';
copy (select 'm' as id, 'a' as _account_id limit 0) to '{raw}/statuses/whatsapp_cloud/1.parquet';
copy (
    select 'note' as id, 'demo' as _account_id, private, message_type
    from (values ('true', '1'), (null, '2')) as unseen(private, message_type)
) to '{raw}/messages/chatwoot/1.parquet';
copy marts.ingested_files to '{raw}/ingested_files/1.parquet';
"""


def write_warehouse(settings: Settings, conversations: int = 1200, size: int = 8) -> None:
    settings.ensure_hash_key()
    whatsapp = [f"{entity}/whatsapp_cloud" for entity in ("messages", "message_echoes", "statuses")]
    messages = ("messages/activecampaign", "messages/chatwoot", *whatsapp)
    for folder in ("conversations/activecampaign", *messages, "ingested_files"):
        (settings.raw_path / folder).mkdir(parents=True)
    with duckdb.connect(settings.warehouse_path) as connection:
        connection.execute(f"set variable conversations = {conversations}; set variable size = {size}")
        for script in (FACTS, EVENTS, AGGREGATES, RAW.format(raw=settings.raw_path)):
            connection.execute(script)


@pytest.fixture(scope="session")
def sound(tmp_path_factory) -> Settings:
    settings = Settings(home=tmp_path_factory.mktemp("sound"), threads=1)
    write_warehouse(settings)
    return settings


@pytest.fixture
def candidate(sound, tmp_path) -> Settings:
    """A copy of the sound candidate, to be spoilt."""
    return Settings(home=shutil.copytree(sound.home, tmp_path / "home"), threads=1)


def spoil(settings: Settings, sql: str) -> None:
    with duckdb.connect(settings.warehouse_path) as connection:
        connection.execute(sql.replace("{raw}", str(settings.raw_path)))


INCREMENT = """
create schema if not exists staging;
create view staging.stg_ingest__files as
    select 'f' as file_id, account_id, {touched} as is_new from seeds.accounts;
create schema intermediate;
create view intermediate.int_touched_conversations as
    select conversation_id from marts.fct_conversations where {touched};
create view intermediate.int_touched_messages as from marts.fct_messages where {touched};
create view intermediate.int_touched_contacts as select contact_key from marts.dim_contacts where {touched};
create table intermediate.int_replaced_conversations as
    select conversation_id from marts.fct_conversations where {touched};
create table intermediate.int_replaced_messages as select message_id from marts.fct_messages where {touched};
create view intermediate.int_restaged_accounts as
    select account_id from seeds.accounts where {restaged};
create view intermediate.int_touched_days as
    select account_id, started_on as report_date from marts.fct_conversations where {touched}
    union select account_id, sent_on from marts.fct_messages where {touched}
    union select account_id, report_date from marts.agg_overview where {touched};
"""


def make_increment(settings: Settings, touched: str = "true", restaged: str = "false") -> None:
    """Let the candidate be what was published and an increment: it touched these rows, or nothing came.

    `restaged`: of which accounts all records were staged again.
    """
    spoil(settings, INCREMENT.format(touched=touched, restaged=restaged))
    write_release(settings, {}, fingerprint="before")
    built = Built("now", "rules", [], base="before")
    settings.fingerprint_path.write_text(json.dumps(asdict(built)))


def write_release(settings: Settings, rows: dict[str, int], fingerprint: str = "") -> None:
    release = Release("r", "2026-01-01T00:00:00Z", None, {}, rows, {}, 0, "", fingerprint, "releases/r")
    settings.published_path.mkdir()
    (settings.published_path / "release.json").write_text(json.dumps(asdict(release)))
    with duckdb.connect(settings.published_path / "reports.duckdb") as connection:
        connection.execute("create macro release() as table select 'r' as release_id")


def failures(settings: Settings, *tables: str) -> dict[str, CheckResult]:
    marts = [mart for mart in MARTS if mart.table in tables]
    return {result.check.name: result for result in run_gate(settings, marts) if not result.passed}


def one_row(table: str, change: str, where: str = "true") -> str:
    return f"""
        update marts.{table} set {change}
        where rowid = (select min(rowid) from marts.{table} where {where})
    """


def ledger(change: str) -> str:
    return f"""
        create temp table ledger as
        select * replace ({change}) from read_parquet('{{raw}}/ingested_files/*.parquet');
        copy ledger to '{{raw}}/ingested_files/1.parquet';
    """


def raw_record(entity: str) -> str:
    return f"""
        copy (select 'lost' as id, 'demo' as _account_id, 'f' as _file_id)
            to '{{raw}}/{entity}/activecampaign/2.parquet'
    """


# What breaks each check that only one mart has.
CORRUPTIONS = {
    ("ingested_files", "measures_are_not_negative"): one_row("ingested_files", "bytes = -1"),
    ("ingested_files", "last_at_is_not_before_first_at"): one_row(
        "ingested_files", "last_at = first_at - interval 1 second"
    ),
    ("ingested_files", "records_read_are_accepted_or_rejected"): one_row(
        "ingested_files", "records_read = records_read + 1"
    ),
    ("ingested_files", "only_loaded_files_hold_records"): one_row("ingested_files", "status = 'duplicate'"),
    ("ingested_files", "rejected_files_have_a_reason"): one_row("ingested_files", "reason = 'it is empty'"),
    ("ingested_files", "all_ingested_files_arrived"): ledger("file || '.gz' as file"),
    ("rejected_records", "measures_are_not_negative"): """
        update marts.rejected_records
        set records_rejected = records_rejected + if(reason = 'id is missing', -100, 100)
        where batch_id = '2'
    """,
    ("rejected_records", "reasons_sum_to_the_ledger"): one_row(
        "rejected_records", "records_rejected = records_rejected + 1"
    ),
    ("dim_contacts", "contact_key_is_a_hash"): one_row("dim_contacts", "contact_key = '+393331234567'"),
    ("fct_conversations", "all_conversations_arrived"): raw_record("conversations"),
    ("fct_conversations", "first_response_at_is_not_before_first_inbound_at"): one_row(
        "fct_conversations",
        "first_response_at = first_inbound_at - interval 1 second",
        "first_response_at is not null",
    ),
    ("fct_conversations", "closed_at_is_not_before_started_at"): one_row(
        "fct_conversations", "closed_at = started_at - interval 1 second", "is_closed"
    ),
    ("fct_conversations", "status_is_known"): one_row("fct_conversations", "status = 'fax'", "not is_closed"),
    ("fct_conversations", "measures_are_not_negative"): one_row("fct_conversations", "reopens = -1"),
    ("fct_conversations", "messages_are_inbound_or_outbound"): one_row(
        "fct_conversations", "inbound_messages = inbound_messages + 1"
    ),
    ("fct_conversations", "outbound_covers_agent_and_automated"): one_row(
        "fct_conversations", "automated_messages = outbound_messages + 1"
    ),
    ("fct_conversations", "turns_fit_inbound"): one_row("fct_conversations", "turns_unanswered = 100"),
    ("fct_conversations", "waits_fit_turns"): one_row(
        "fct_conversations", "wait_max_seconds = 1e9", "turns_answered > 0"
    ),
    ("fct_conversations", "working_time_fits_time"): one_row(
        "fct_conversations", "duration_working_seconds = 1e9", "is_closed"
    ),
    ("fct_conversations", "only_closed_have_durations"): one_row(
        "fct_conversations", "closed_at = started_at", "not is_closed"
    ),
    ("fct_conversations", "csat_rating_is_on_the_scale"): one_row("fct_conversations", "csat_rating = 6"),
    ("fct_conversations", "status_code_is_known"): one_row(
        "fct_conversations", "status = null", "not is_closed"
    ),
    ("fct_conversations", "accounts_have_working_hours"): (
        "delete from seeds.working_hours where account_id = 'second'"
    ),
    ("fct_messages", "all_messages_arrived"): raw_record("messages"),
    ("fct_messages", "agents_send_outbound"): one_row(
        "fct_messages", "is_automated = true", "direction = 'inbound'"
    ),
    ("fct_messages", "delivery_status_is_known"): one_row(
        "fct_messages", "delivery_status = 'beamed'", "delivery_status = 'sent'"
    ),
    ("fct_messages", "delivery_status_fits_direction"): one_row(
        "fct_messages", "delivery_status = null", "direction = 'inbound'"
    ),
    ("fct_messages", "delivery_status_fits_times"): one_row(
        "fct_messages", "delivery_status = 'delivered'", "delivery_status = 'read'"
    ),
    ("fct_messages", "conversations_count_their_messages"): one_row(
        "fct_conversations", "messages = messages + 1"
    ),
    # The conversation is deleted with the mention of it.
    ("fct_messages", "conversation_is_known"): """
        create temp table gone as select min(conversation_id) as conversation_id from marts.fct_conversations;
        update marts.fct_messages set has_conversation = false where conversation_id in (from gone);
        delete from marts.fct_conversations where conversation_id in (from gone);
    """,
    ("fct_messages", "sent_at_is_not_in_the_future"): one_row(
        "fct_messages", "sent_at = timezone('UTC', now()) + interval 61 minute"
    ),
    ("fct_messages", "data_is_fresh"): "update marts.fct_messages set sent_at = sent_at - interval 36 hour",
    ("agg_overview", "measures_are_not_negative"): one_row("agg_overview", "distinct_contacts = -1"),
    ("agg_overview", "contacts_fit_conversations"): one_row("agg_overview", "distinct_contacts = 1000"),
    ("agg_overview", "conversations_agree_with_facts"): one_row("agg_overview", "wait_n = wait_n + 1"),
    ("agg_overview", "messages_agree_with_facts"): one_row("agg_overview", "messages = messages + 1"),
    ("agg_overview", "csat_agrees_with_facts"): one_row("agg_overview", "csat_n = csat_n + 1"),
    ("agg_overview", "last_day_is_as_busy_as_usual"): "delete from seeds.holidays",
    ("agg_by_agent", "measures_are_not_negative"): one_row("agg_by_agent", "distinct_contacts = -1"),
    ("agg_by_agent", "nobody_is_unassigned"): one_row(
        "agg_by_agent", "agent_name = 'Ghost'", "agent_id is null"
    ),
    ("agg_by_agent", "agents_sum_to_overview"): one_row("agg_by_agent", "messages = messages + 1"),
    ("agg_by_tag", "measures_are_not_negative"): one_row("agg_by_tag", "distinct_contacts = -1"),
    ("agg_by_tag", "tags_cover_the_overview"): (
        "delete from marts.agg_by_tag where report_date = (select max(report_date) from marts.agg_by_tag)"
    ),
    # Two hours of a day by turns, so that the day's total stays.
    ("agg_by_hour", "measures_are_not_negative"): """
        create temp table busiest as
        select account_id, report_date, min(hour) as first_hour, max(hour) as last_hour
        from marts.agg_by_hour group by all having count(*) > 1 limit 1;
        update marts.agg_by_hour set conversations = conversations + if(hour = first_hour, -100, 100)
        from busiest
        where agg_by_hour.account_id = busiest.account_id and agg_by_hour.report_date = busiest.report_date
            and hour in (first_hour, last_hour);
    """,
    ("agg_by_hour", "iso_weekday_is_that_of_the_day"): one_row("agg_by_hour", "iso_weekday = 8"),
    ("agg_by_hour", "hours_sum_to_overview"): one_row("agg_by_hour", "agent_messages = agent_messages + 1"),
    # Only one template has a price, so that two rows of a day can be changed and its totals stay.
    ("agg_delivery", "measures_are_not_negative"): """
        create temp table fullest as
        select account_id, report_date from marts.agg_delivery group by all having count(*) > 1 limit 1;
        update marts.agg_delivery set billable = billable + if(template_name = 'offer', 1000, -1000)
        from fullest
        where agg_delivery.account_id = fullest.account_id and agg_delivery.report_date = fullest.report_date;
    """,
    ("agg_delivery", "each_step_is_part_of_the_one_before"): """
        create temp table fullest as
        select account_id, report_date, max(sent) filter (where template_name <> 'offer') - 1 as moved
        from marts.agg_delivery group by all
        having count(*) > 1 and max(delivered) filter (where template_name <> 'offer') > 1 limit 1;
        update marts.agg_delivery set sent = sent + if(template_name = 'offer', moved, -moved)
        from fullest
        where agg_delivery.account_id = fullest.account_id and agg_delivery.report_date = fullest.report_date;
    """,
    ("agg_delivery", "delivery_rate_is_in_range"): one_row("agg_delivery", "delivery_rate = 2", "sent > 0"),
    ("agg_delivery", "read_rate_is_in_range"): one_row("agg_delivery", "read_rate = 2", "delivered > 0"),
    ("agg_delivery", "failure_rate_is_in_range"): one_row("agg_delivery", "failure_rate = 2", "failed > 0"),
    ("agg_delivery", "nothing_sent_no_rate"): one_row("agg_delivery", "read_rate = null", "delivered > 0"),
    ("agg_delivery", "deliveries_agree_with_facts"): one_row("agg_delivery", "billable = billable + 1"),
    ("csat_summary", "measures_are_not_negative"): one_row("csat_summary", "rating_1 = -1"),
    ("csat_summary", "ratings_fit_responses"): one_row("csat_summary", "rating_5 = responses + 1"),
    ("csat_summary", "no_response_no_average"): one_row("csat_summary", "csat_avg = 0", "responses = 0"),
    ("csat_summary", "csat_sums_to_overview"): one_row("csat_summary", "surveys_sent = surveys_sent + 1"),
}

# What a row that is there twice, or in part, makes wrong besides: totals, and what refers to it.
ENTAILED = {
    *(
        check.name
        for mart in MARTS
        for check in mart.checks
        if "_is_in_dim_" in check.name or "_is_in_fct_" in check.name
    ),
    "all_conversations_arrived",
    "all_messages_arrived",
    "all_ingested_files_arrived",
    "conversations_count_their_messages",
    "iso_weekday_is_that_of_the_day",
    *(name for _, name in CORRUPTIONS if re.search("_agree|_sum_?s?_?to_|tags_cover", name)),
}


def corruption(mart: Mart, check: Check) -> str:
    """The SQL that breaks a check: its own, or that of a form which many marts share."""
    if (mart.table, check.name) in CORRUPTIONS:
        return CORRUPTIONS[mart.table, check.name]
    refers = re.fullmatch(r"(\w+)_is_in_(dim|fct)_\w+", check.name)
    column = check.arguments.get("column")
    if refers:
        return one_row(mart.table, f"{refers[1]} = 'nobody'", f"{refers[1]} is not null")
    value = "24" if check.name.endswith("_is_in_range") else "'fax'"
    return one_row(mart.table, f"{column} = {value}")


def columns_filled(mart: Mart) -> list[str]:
    return [check.arguments["column"] for check in mart.checks if check.name.endswith("_is_filled")]


# What many marts promise is broken in all of them at once.
COMMON = {
    "key_is_unique": ";".join(
        f"insert into marts.{mart.table} from marts.{mart.table} limit 1" for mart in MARTS
    ),
    "few_records_were_rejected": ledger("if(batch_id = '2', 51, records_rejected) as records_rejected"),
    "no_file_was_refused": ledger("if(batch_id = '1', 'rejected', status) as status"),
    "filled": ";".join(
        one_row(mart.table, ", ".join(f"{column} = null" for column in columns_filled(mart)))
        for mart in MARTS
    ),
}
CHECKS = [
    pytest.param(mart, check, id=f"{mart.table}-{check.name}")
    for mart in MARTS
    for check in mart.checks
    if check.name not in COMMON and not check.name.endswith(("_is_filled", "rows_did_not_drop"))
]


def test_no_check_was_taken_away():
    assert set(CORRUPTIONS) <= {(mart.table, check.name) for mart in MARTS for check in mart.checks}


def test_a_sound_candidate_passes_every_check(sound):
    assert [result for result in run_gate(sound) if not result.passed] == []


@pytest.mark.parametrize(("mart", "check"), CHECKS)
def test_every_check_fails_alone_when_its_promise_is_broken(candidate, mart, check):
    spoil(candidate, corruption(mart, check))
    failed = failures(candidate, mart.table)
    assert set(failed) == {check.name}
    result = failed[check.name]
    assert not result.broken
    assert result.found.startswith("broken by ")
    assert 1 <= len(result.examples) <= 5


OF_TOUCHED = [param for param in CHECKS if param.values[1].touched_keys] + [
    param
    for param in CHECKS
    if param.id
    in (
        "fct_conversations-status_is_known",
        "fct_conversations-measures_are_not_negative",
        "fct_conversations-status_code_is_known",
        "fct_messages-contact_key_is_in_dim_contacts",
        "bridge_conversation_tags-conversation_id_is_in_fct_conversations",
        "fct_messages-conversations_count_their_messages",
        "agg_by_tag-tags_cover_the_overview",
    )
]


@pytest.mark.parametrize(("mart", "check"), OF_TOUCHED)
def test_after_an_increment_a_check_finds_what_is_broken_in_the_rows_that_it_touched(candidate, mart, check):
    make_increment(candidate)
    assert failures(candidate, mart.table) == {}
    spoil(candidate, corruption(mart, check))
    failed = failures(candidate, mart.table)
    assert set(failed) == {check.name}
    assert failed[check.name].found.startswith("broken by ")
    assert failed[check.name].check.expected.endswith("touched") is not check.asks_all


@pytest.mark.parametrize("form", ["key_is_unique", "filled"])
def test_after_an_increment_keys_are_unique_and_filled(candidate, form):
    make_increment(candidate)
    spoil(candidate, COMMON[form])
    failed = {(result.table, result.check.name) for result in run_gate(candidate) if not result.passed}
    assert {
        (mart.table, check.name) for mart in MARTS for check in mart.checks if check.name.endswith(form)
    } <= failed


def test_after_an_increment_only_warnings_look_at_what_it_did_not_touch(candidate):
    make_increment(candidate, touched="false")
    spoil(candidate, one_row("fct_conversations", "reopens = -1"))
    spoil(candidate, CORRUPTIONS["fct_conversations", "status_code_is_known"])
    assert set(failures(candidate, "fct_conversations")) == {"status_code_is_known"}


@pytest.mark.parametrize("entity", ["messages", "conversations"])
@pytest.mark.parametrize("restaged", ["true", "false"])
def test_after_an_increment_nothing_may_be_lost_of_accounts_staged_again(candidate, entity, restaged):
    make_increment(candidate, touched="false", restaged=restaged)
    assert failures(candidate, f"fct_{entity}") == {}
    spoil(candidate, raw_record(entity))
    lost = {f"all_{entity}_arrived"} if restaged == "true" else set()
    assert set(failures(candidate, f"fct_{entity}")) == lost


def test_an_increment_upon_what_is_not_published_is_asked_as_a_whole(candidate):
    make_increment(candidate, touched="false")
    built = Built("now", "rules", [], base="never published")
    candidate.fingerprint_path.write_text(json.dumps(asdict(built)))
    spoil(candidate, one_row("fct_conversations", "reopens = -1"))
    assert set(failures(candidate, "fct_conversations")) == {"measures_are_not_negative"}


@pytest.mark.parametrize("form", COMMON)
def test_what_many_marts_promise_fails_in_each_of_them(candidate, form):
    spoil(candidate, COMMON[form])
    failed = {
        (result.table, result.check.name): result for result in run_gate(candidate) if not result.passed
    }
    due = {(mart.table, check.name) for mart in MARTS for check in mart.checks if check.name.endswith(form)}
    assert due <= set(failed)
    assert {name for _, name in set(failed) - due} <= (
        ENTAILED if form in ("key_is_unique", "filled") else set()
    )
    assert all(failed[key].examples and not failed[key].broken for key in due)


def test_a_table_that_shrank_fails_in_every_mart(candidate):
    with duckdb.connect(candidate.warehouse_path) as connection:
        rows = {
            mart.table: connection.execute(f"select count(*) from marts.{mart.table}").fetchone()[0]
            for mart in MARTS
        }
    write_release(candidate, {table: count * 2 + 1 for table, count in rows.items()})
    failed = [result for result in run_gate(candidate) if not result.passed]
    assert [(result.table, result.check.name) for result in failed] == [
        (mart.table, "rows_did_not_drop") for mart in MARTS
    ]
    [contacts] = [result for result in failed if result.table == "dim_contacts"]
    assert contacts.found == f"{rows['dim_contacts']:,}"
    assert contacts.check.expected.endswith(f"in the last release: {rows['dim_contacts'] * 2 + 1:,} rows")


def test_half_the_rows_of_the_last_release_are_just_enough(candidate):
    write_release(candidate, {"dim_agents": 16})
    assert failures(candidate, "dim_agents") == {}


def test_a_failed_check_says_what_it_found_and_shows_five_keys(candidate):
    spoil(
        candidate,
        """
        update marts.fct_conversations set origin = 'fax' where source_conversation_id::int < 7;
        update marts.fct_conversations set reopens = -1 where source_conversation_id::int < 7;
        update marts.agg_by_agent set closed = closed + 2
        where rowid = (select rowid from marts.agg_by_agent order by report_date desc, account_id limit 1);
        """,
    )
    failed = failures(candidate, "fct_conversations", "agg_by_agent")
    assert sorted(failed) == ["agents_sum_to_overview", "measures_are_not_negative", "origin_is_known"]
    for name in ("origin_is_known", "measures_are_not_negative"):
        assert failed[name].found.startswith("broken by ")
        assert len(failed[name].examples) == 5
        assert all(re.fullmatch(r"(demo|second):\d", example) for example in failed[name].examples)
    assert failed["origin_is_known"].check.expected == "origin is one of flow, inbox, inbound, other"
    [example] = failed["agents_sum_to_overview"].examples
    assert re.fullmatch(r"demo \d{4}-\d\d-\d\d closed: (\d+)\.0 instead of (\d+)\.0", example)


def test_rejected_records_are_judged_by_the_newest_batch_and_name_the_worst_files(candidate):
    spoil(candidate, ledger("if(batch_id = '2' and account_id = 'demo', 51, 0) as records_rejected"))
    result = failures(candidate, "fct_messages")["few_records_were_rejected"]
    assert result.examples == ("demo/messages: 51 of 1000 records, most in messages/demo2.jsonl",)
    assert (
        result.check.expected
        == "at most 5.0% of the newest batch's messages or message_echoes or statuses refused"
    )


def test_a_record_that_got_lost_and_one_from_nowhere_are_both_named(candidate):
    spoil(candidate, raw_record("messages"))
    spoil(candidate, one_row("fct_messages", "message_id = 'demo:ghost'"))
    examples = failures(candidate, "fct_messages")["all_messages_arrived"].examples
    assert "demo:lost is not in the mart" in examples
    assert "demo:ghost is in no raw file" in examples


def test_a_check_that_cannot_run_is_broken_and_takes_no_other_with_it(candidate):
    spoil(candidate, "alter table marts.fct_conversations drop column windows_missed")
    failed = failures(candidate, "fct_conversations")
    assert list(failed) == ["measures_are_not_negative"]
    assert failed["measures_are_not_negative"].broken
    assert "windows_missed" in failed["measures_are_not_negative"].found


def test_a_native_expectation_that_cannot_run_is_broken_too(candidate):
    spoil(candidate, "alter table marts.dim_agents drop column agent_name")
    failed = failures(candidate, "dim_agents")
    assert list(failed) == ["agent_name_is_filled"]
    assert failed["agent_name_is_filled"].broken
    assert "agent_name" in failed["agent_name_is_filled"].found


def test_missing_raw_files_break_the_check_that_reads_them(candidate):
    shutil.rmtree(candidate.raw_path / "messages")
    failed = failures(candidate, "fct_messages")
    assert list(failed) == ["all_messages_arrived"]
    assert failed["all_messages_arrived"].broken
    assert "No files found" in failed["all_messages_arrived"].found


def test_a_missing_table_breaks_all_its_checks_and_no_others(candidate):
    spoil(candidate, "drop table marts.csat_summary")
    failed = [result for result in run_gate(candidate) if not result.passed]
    assert {result.table for result in failed} == {"csat_summary"}
    assert all(result.broken for result in failed)
    assert len(failed) == len(CSAT_SUMMARY.checks)


def run_in_dagster(settings: Settings) -> tuple[dg.ExecuteInProcessResult, dict]:
    """Marts, the gate on them, and one asset that waits for all marts; return the run and the evaluations."""
    marts = [dg.AssetKey(["marts", mart.table]) for mart in MARTS]

    @dg.multi_asset(specs=[dg.AssetSpec(key) for key in marts])
    def build():
        yield from (dg.MaterializeResult(asset_key=key) for key in marts)

    @dg.asset(deps=marts)
    def published():
        pass

    definitions = dg.Definitions(
        [build, published], asset_checks=[quality_gate], resources={"settings": settings}
    )
    with dg.DagsterInstance.ephemeral() as instance:
        job = definitions.resolve_implicit_global_asset_job_def()
        run = job.execute_in_process(instance=instance, raise_on_error=False)
    evaluations = {evaluation.asset_check_key: evaluation for evaluation in run.get_asset_check_evaluations()}
    return run, evaluations


def is_published(run: dg.ExecuteInProcessResult) -> bool:
    return bool(run.asset_materializations_for_node("published"))


def test_every_declared_check_is_evaluated_and_a_warning_blocks_nothing(candidate):
    spoil(candidate, CORRUPTIONS["fct_conversations", "status_code_is_known"])
    run, evaluations = run_in_dagster(candidate)
    assert run.success
    assert is_published(run)
    assert set(evaluations) == {spec.key for spec in quality_gate.check_specs}
    assert set(blocking_checks()) < set(evaluations)
    [failed] = [evaluation for evaluation in evaluations.values() if not evaluation.passed]
    assert failed.check_name == "status_code_is_known"
    assert failed.severity is dg.AssetCheckSeverity.WARN


def test_a_failed_check_blocks_what_depends_on_its_table(candidate):
    spoil(candidate, one_row("fct_messages", "sent_hour = 24"))
    run, evaluations = run_in_dagster(candidate)
    assert not is_published(run)
    [failed] = [evaluation for evaluation in evaluations.values() if not evaluation.passed]
    assert failed.asset_check_key in blocking_checks()
    assert failed.severity is dg.AssetCheckSeverity.ERROR
    assert failed.metadata["expected"].value == "sent_hour from 0 to 23"
    assert failed.metadata["found"].value == "broken by 1"
    assert failed.metadata["examples"].value.startswith("demo:m")


def test_without_a_warehouse_every_check_is_broken_and_nothing_is_published(tmp_path):
    run, evaluations = run_in_dagster(Settings(home=tmp_path))
    assert not is_published(run)
    assert len(evaluations) == len(quality_gate.check_specs)
    assert not any(evaluation.passed for evaluation in evaluations.values())
    assert all("BROKEN" in evaluation.description for evaluation in evaluations.values())


def test_the_list_of_checks_is_read_without_great_expectations():
    code = "import sys; from orchestration.quality.asset_checks import blocking_checks; blocking_checks();"
    code += "sys.exit('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=False).returncode == 0


def test_what_the_gate_found_is_kept_run_by_run_without_examples(tmp_path):
    settings = Settings(home=tmp_path)
    first, second = broken_and_failed_results()
    keep(settings, "run-1", [first, second])
    keep(settings, "run-2", [replace(first, passed=True)])

    with duckdb.connect() as connection:
        kept = connection.execute(
            f"select run_id, check_name, severity, status, found from ({history(settings)}) order by all"
        ).fetchall()

    assert kept == [
        ("run-1", "a_warning", "warn", "broken", "no such table"),
        ("run-1", "ids_are_unique", "error", "failed", "2 ids twice"),
        ("run-2", "ids_are_unique", "error", "passed", "2 ids twice"),
    ]
    assert b"c-7" not in b"".join(path.read_bytes() for path in settings.quality_path.iterdir())


def test_the_page_of_the_checks_tells_what_failed_and_nothing_in_it_is_markup(tmp_path):
    settings = Settings(home=tmp_path)
    failed, broken = broken_and_failed_results()
    page = write_page(settings, [failed, broken, replace(failed, passed=True)]).read_text()

    assert "1 passed, 1 warned, 1 failed" in page
    assert "Nothing was published" in page
    assert "✗ FAILED" in page
    assert "✗ BROKEN" in page
    assert "e.g. &lt;b&gt;c-7&lt;/b&gt;" in page
    assert not re.search(r"(src|href)=|url\(|https?:", page), "it would load something"
    assert "No check blocks" in write_page(settings, [replace(failed, passed=True)]).read_text()


def broken_and_failed_results() -> tuple[CheckResult, CheckResult]:
    unique = next(check for mart in MARTS for check in mart.checks if check.severity == "error")
    warning = next(check for mart in MARTS for check in mart.checks if check.severity == "warn")
    return (
        CheckResult(
            "fct_messages",
            replace(unique, name="ids_are_unique"),
            False,
            False,
            "2 ids twice",
            ("<b>c-7</b>",),
        ),
        CheckResult("fct_messages", replace(warning, name="a_warning"), False, True, "no such table"),
    )
