"""Every check passes on the passing candidate, and only that check fails when its condition is violated."""

import re

import pytest
from passing_candidate import change, change_one_row, failures, lost_record

from orchestration.quality.check import Check, Mart
from orchestration.quality.gate import run_gate
from orchestration.quality.marts import MARTS


def moved(table: str, column: str, limit: str) -> str:
    """Return SQL that moves 1 from a row of a day to another row in which `column` is at its limit.

    The totals of the day do not change.
    """
    return f"""
        create temp table pair as
        select source.rowid as source, target.rowid as target
        from {table} as source
        join {table} as target using (account_id, report_date)
        where source.{column} > 0 and target.rowid <> source.rowid and target.{column} >= target.{limit}
        limit 1;
        update {table} set {column} = {column} + if({table}.rowid = target, 1, -1)
        from pair where {table}.rowid in (source, target);
    """


# The SQL that violates each check that is specific to one mart.
CORRUPTIONS = {
    ("ingested_files", "measures_are_not_negative"): change_one_row("ingested_files", "bytes = -1"),
    ("ingested_files", "last_at_is_not_before_first_at"): change_one_row(
        "ingested_files", "last_at = first_at - interval 1 second"
    ),
    ("ingested_files", "records_read_are_accepted_or_rejected"): change_one_row(
        "ingested_files", "records_read = records_read + 1"
    ),
    ("ingested_files", "only_loaded_files_have_records"): change_one_row(
        "ingested_files", "status = 'duplicate'"
    ),
    ("ingested_files", "rejected_files_have_a_reason"): change_one_row(
        "ingested_files", "reason = 'it is empty'"
    ),
    ("ingested_files", "files_match_ledger"): """
        copy (from ingested_files where batch_id = '1') to '{raw}/ingested_files/1.parquet'
    """,
    ("rejected_records", "measures_are_not_negative"): """
        update rejected_records
        set records_rejected = records_rejected + if(reason = 'id is missing', -100, 100)
        where batch_id = '2'
    """,
    ("rejected_records", "reasons_sum_to_ingested_files"): change_one_row(
        "rejected_records", "records_rejected = records_rejected + 1"
    ),
    ("dim_accounts", "accounts_match_seed"): """
        insert into warehouse.seeds.accounts values ('third', 'chatwoot', 'Europe/Rome')
    """,
    ("dim_accounts", "csat_thresholds_do_not_overlap"): change_one_row(
        "dim_accounts", "csat_dissatisfied_to = csat_satisfied_from"
    ),
    ("dim_contacts", "contact_key_is_a_hash"): change_one_row(
        "dim_contacts", "contact_key = '+393331234567'"
    ),
    ("fct_conversations", "conversations_match_raw_files"): lost_record("conversations"),
    ("fct_conversations", "first_response_at_is_not_before_first_inbound_at"): change_one_row(
        "fct_conversations",
        "first_response_at = first_inbound_at - interval 1 second",
        "first_response_at is not null",
    ),
    ("fct_conversations", "closed_at_is_not_before_started_at"): change_one_row(
        "fct_conversations",
        "closed_at = started_at - interval 1 second, first_closed_at = started_at - interval 1 second",
        "is_closed",
    ),
    ("fct_conversations", "status_is_accepted_value"): change_one_row(
        "fct_conversations", "status = 'fax'", "not is_closed"
    ),
    ("fct_conversations", "measures_are_not_negative"): change_one_row("fct_conversations", "reopens = -1"),
    ("fct_conversations", "messages_are_inbound_or_outbound"): change_one_row(
        "fct_conversations", "inbound_messages = inbound_messages + 1"
    ),
    ("fct_conversations", "agent_and_automated_within_outbound"): change_one_row(
        "fct_conversations", "automated_messages = outbound_messages + 1"
    ),
    ("fct_conversations", "turns_within_inbound_messages"): change_one_row(
        "fct_conversations", "turns_closed = 100"
    ),
    ("fct_conversations", "waits_match_answered_turns"): change_one_row(
        "fct_conversations", "max_wait_seconds = 1e9", "turns_answered > 0"
    ),
    ("fct_conversations", "only_last_turn_is_waiting"): change_one_row(
        "fct_conversations", "waiting_since = null", "turns_waiting = 1"
    ),
    ("fct_conversations", "handled_by_is_set_with_inbound_messages"): change_one_row(
        "fct_conversations", "handled_by = null"
    ),
    ("fct_conversations", "handled_by_is_accepted_value"): change_one_row(
        "fct_conversations", "handled_by = 'magic'"
    ),
    ("fct_conversations", "accounts_have_messages"): "delete from fct_messages where account_id = 'second'",
    ("fct_conversations", "accounts_have_events"): (
        "delete from fct_conversation_events where account_id = 'second'"
    ),
    ("fct_conversations", "accounts_have_surveys"): """
        update fct_conversations set survey_sent_at = null, csat_rating = null where account_id = 'second'
    """,
    ("fct_customer_turns", "turns_begin_with_a_message"): change_one_row(
        "fct_customer_turns", "inbound_messages = 0"
    ),
    # The conversation also changes, so that the counts still match.
    ("fct_customer_turns", "outcome_is_accepted_value"): """
        create temp table lost as
        select turn_id, conversation_id from fct_customer_turns where outcome = 'closed' limit 1;
        update fct_conversations set turns_closed = 0
        where conversation_id in (select conversation_id from lost);
        update fct_customer_turns set outcome = 'lost' where turn_id in (select turn_id from lost);
    """,
    ("fct_customer_turns", "only_answered_turns_have_waits"): change_one_row(
        "fct_customer_turns", "answered_by_agent_id = null", "outcome = 'answered'"
    ),
    ("fct_customer_turns", "ended_at_is_not_before_asked_at"): change_one_row(
        "fct_customer_turns", "ended_at = asked_at - interval 1 second", "outcome = 'answered'"
    ),
    ("fct_customer_turns", "working_time_within_elapsed_time"): change_one_row(
        "fct_customer_turns", "wait_working_seconds = 1e9", "outcome = 'answered'"
    ),
    ("fct_customer_turns", "measures_are_not_negative"): change_one_row(
        "fct_customer_turns", "wait_working_seconds = -1", "outcome = 'answered'"
    ),
    ("fct_customer_turns", "turns_match_conversations"): """
        delete from fct_customer_turns where rowid = (select min(rowid) from fct_customer_turns)
    """,
    ("agg_backlog", "aged_conversations_within_open"): change_one_row(
        "agg_backlog", "open_over_7_days = open + 1"
    ),
    ("agg_backlog", "backlog_matches_open_conversations"): """
        update agg_backlog set open = open + 1
        where report_date = (select max(report_date) from agg_backlog) and account_id = 'demo'
    """,
    ("agg_backlog", "backlog_has_no_closed_conversations"): """
        update fct_conversations set is_closed = true
        where conversation_id = (
            select min(conversation_id) from reporting.rpt_open_periods where left_at is null
        )
    """,
    ("fct_conversations", "working_time_within_elapsed_time"): change_one_row(
        "fct_conversations", "duration_working_seconds = 1e9", "is_closed"
    ),
    ("fct_conversations", "only_closed_conversations_have_durations"): change_one_row(
        "fct_conversations", "closed_at = started_at", "not is_closed"
    ),
    ("fct_conversations", "csat_rating_within_scale"): change_one_row("fct_conversations", "csat_rating = 6"),
    ("fct_conversations", "status_code_is_mapped"): change_one_row(
        "fct_conversations", "status = null", "not is_closed"
    ),
    ("fct_conversations", "accounts_have_working_hours"): (
        "delete from warehouse.seeds.working_hours where account_id = 'second'"
    ),
    (
        "fct_conversations",
        "account_id_is_in_dim_accounts",
    ): "delete from dim_accounts where account_id = 'second'",
    ("fct_messages", "account_id_is_in_dim_accounts"): "delete from dim_accounts where account_id = 'second'",
    ("fct_messages", "messages_match_raw_files"): lost_record("messages"),
    ("fct_messages", "agent_messages_are_outbound"): change_one_row(
        "fct_messages", "is_automated = true", "direction = 'inbound'"
    ),
    ("fct_messages", "delivery_status_is_accepted_value"): change_one_row(
        "fct_messages", "delivery_status = 'beamed'", "delivery_status = 'sent'"
    ),
    ("fct_messages", "delivery_status_matches_direction"): change_one_row(
        "fct_messages", "delivery_status = null", "direction = 'inbound'"
    ),
    ("fct_messages", "delivery_status_matches_times"): change_one_row(
        "fct_messages", "delivery_status = 'delivered'", "delivery_status = 'read'"
    ),
    ("fct_messages", "message_counts_match_conversations"): change_one_row(
        "fct_conversations", "messages = messages + 1"
    ),
    # The conversation is also deleted, so that the counts still match.
    ("fct_messages", "conversation_is_known"): """
        create temp table gone as select min(conversation_id) as conversation_id from fct_conversations;
        update fct_messages set has_conversation = false where conversation_id in (from gone);
        delete from fct_conversations where conversation_id in (from gone);
    """,
    ("fct_messages", "delivery_status_code_is_mapped"): """
        update dim_accounts set platform = 'whatsapp_cloud' where account_id = 'second';
        update fct_messages set source = 'api', delivery_status = null
        where message_id = (
            select min(message_id) from fct_messages
            where account_id = 'second' and direction = 'outbound' and delivered_at is null
        );
    """,
    ("fct_messages", "sent_at_is_not_in_the_future"): change_one_row(
        "fct_messages", "sent_at = timezone('UTC', now()) + interval 61 minute"
    ),
    ("fct_messages", "data_is_fresh"): "update fct_messages set sent_at = sent_at - interval 36 hour",
    ("agg_overview", "measures_are_not_negative"): change_one_row("agg_overview", "distinct_contacts = -1"),
    ("agg_overview", "distinct_contacts_within_conversations"): change_one_row(
        "agg_overview", "distinct_contacts = 1000"
    ),
    ("agg_overview", "conversations_match_facts"): change_one_row(
        "agg_overview", "total_wait_n = total_wait_n + 1"
    ),
    ("agg_overview", "turns_match_facts"): change_one_row("agg_overview", "reply_n = reply_n + 1"),
    ("agg_overview", "closes_match_facts"): change_one_row(
        "agg_overview", "closed_on_day = closed_on_day + 1"
    ),
    ("agg_overview", "surveys_match_facts"): change_one_row(
        "agg_overview", "surveys_sent = surveys_sent + 1"
    ),
    ("agg_overview", "messages_are_inbound_or_outbound"): moved(
        "agg_overview", "messages", "inbound_messages"
    ),
    ("agg_overview", "surveys_answered_within_surveys_sent"): moved(
        "agg_overview", "surveys_answered", "surveys_sent"
    ),
    ("agg_overview", "targets_met_within_measured"): moved(
        "agg_overview", "reply_on_target_met", "reply_on_target_n"
    ),
    ("agg_overview", "messages_match_facts"): change_one_row(
        "agg_overview", "messages = messages + 1, inbound_messages = inbound_messages + 1"
    ),
    ("agg_overview", "csat_matches_facts"): change_one_row("agg_overview", "csat_n = csat_n + 1"),
    ("agg_overview", "last_day_volume_within_limit"): "delete from warehouse.seeds.holidays",
    ("agg_by_agent", "measures_are_not_negative"): change_one_row("agg_by_agent", "distinct_contacts = -1"),
    ("agg_by_agent", "null_agent_is_unassigned"): change_one_row(
        "agg_by_agent", "agent_name = 'Ghost'", "agent_id is null"
    ),
    ("agg_by_agent", "agents_sum_to_overview"): change_one_row("agg_by_agent", "messages = messages + 1"),
    ("agg_by_tag", "measures_are_not_negative"): change_one_row("agg_by_tag", "distinct_contacts = -1"),
    ("agg_by_tag", "tags_match_tagged_conversations"): change_one_row(
        "agg_by_tag", "conversations = conversations + 1"
    ),
    ("agg_by_tag", "tags_match_tagged_turns"): change_one_row("agg_by_tag", "reply_n = reply_n + 1"),
    # Two hours of a day change by opposite amounts, so that the total of the day does not change.
    ("agg_by_hour", "measures_are_not_negative"): """
        create temp table busiest as
        select account_id, report_date, min(hour) as first_hour, max(hour) as last_hour
        from agg_by_hour group by all having count(*) > 1 limit 1;
        update agg_by_hour set conversations = conversations + if(hour = first_hour, -100, 100)
        from busiest
        where agg_by_hour.account_id = busiest.account_id and agg_by_hour.report_date = busiest.report_date
            and hour in (first_hour, last_hour);
    """,
    ("agg_by_hour", "iso_weekday_matches_report_date"): change_one_row("agg_by_hour", "iso_weekday = 8"),
    ("agg_by_hour", "hours_sum_to_overview"): change_one_row(
        "agg_by_hour", "agent_messages = agent_messages + 1"
    ),
    # Only one template has a price, so two rows of a day can change without a change of its totals.
    ("agg_delivery", "measures_are_not_negative"): """
        create temp table fullest as
        select account_id, report_date from agg_delivery group by all having count(*) > 1 limit 1;
        update agg_delivery set billable = billable + if(template_name = 'offer', 1000, -1000)
        from fullest
        where agg_delivery.account_id = fullest.account_id and agg_delivery.report_date = fullest.report_date;
    """,
    ("agg_delivery", "delivery_steps_are_nested"): """
        create temp table fullest as
        select account_id, report_date, max(sent) filter (where template_name <> 'offer') - 1 as moved
        from agg_delivery group by all
        having count(*) > 1 and max(delivered) filter (where template_name <> 'offer') > 1 limit 1;
        update agg_delivery set sent = sent + if(template_name = 'offer', moved, -moved)
        from fullest
        where agg_delivery.account_id = fullest.account_id and agg_delivery.report_date = fullest.report_date;
    """,
    ("agg_delivery", "delivery_rate_is_in_range"): change_one_row(
        "agg_delivery", "delivery_rate = 2", "sent > 0"
    ),
    ("agg_delivery", "read_rate_is_in_range"): change_one_row(
        "agg_delivery", "read_rate = 2", "delivered > 0"
    ),
    ("agg_delivery", "failure_rate_is_in_range"): change_one_row(
        "agg_delivery", "failure_rate = 2", "failed > 0"
    ),
    ("agg_delivery", "rates_are_null_without_messages"): change_one_row(
        "agg_delivery", "read_rate = null", "delivered > 0"
    ),
    ("agg_delivery", "deliveries_match_facts"): change_one_row("agg_delivery", "billable = billable + 1"),
    ("csat_summary", "measures_are_not_negative"): change_one_row("csat_summary", "rating_1 = -1"),
    ("csat_summary", "ratings_within_responses"): change_one_row("csat_summary", "rating_5 = responses + 1"),
    ("csat_summary", "surveys_answered_within_surveys_sent"): moved(
        "csat_summary", "surveys_answered", "surveys_sent"
    ),
    ("csat_summary", "response_rate_is_in_range"): change_one_row(
        "csat_summary", "response_rate = 2", "surveys_sent > 0"
    ),
    ("csat_summary", "averages_are_null_without_responses"): change_one_row(
        "csat_summary", "csat_avg = 0", "responses = 0"
    ),
    ("csat_summary", "csat_sums_to_overview"): change_one_row(
        "csat_summary", "surveys_sent = surveys_sent + 1"
    ),
}

# The other checks that a duplicate or incomplete row violates: totals, and references to the row.
ENTAILED = {
    *(
        check.name
        for mart in MARTS
        for check in mart.checks
        if "_is_in_dim_" in check.name or "_is_in_fct_" in check.name
    ),
    "conversations_match_raw_files",
    "messages_match_raw_files",
    "files_match_ledger",
    "accounts_match_seed",
    "message_counts_match_conversations",
    "iso_weekday_matches_report_date",
    *(
        name
        for _, name in CORRUPTIONS
        if re.search("_match(es)?_(facts|tagged|open|conversations)|_sums?_to_", name)
    ),
}


def corruption(mart: Mart, check: Check) -> str:
    """Return the SQL that violates a check: specific SQL, or that of a form that many marts share."""
    if (mart.table, check.name) in CORRUPTIONS:
        return CORRUPTIONS[mart.table, check.name]
    reference = re.fullmatch(r"(\w+)_is_in_(dim|fct)_\w+", check.name)
    column = check.arguments.get("column")
    if reference:
        return change_one_row(mart.table, f"{reference[1]} = 'unknown'", f"{reference[1]} is not null")
    assert column, f"add SQL that violates {mart.table} {check.name} to CORRUPTIONS"
    value = "24" if check.name.endswith("_is_in_range") else "'fax'"
    return change_one_row(mart.table, f"{column} = {value}")


def set_to_null(mart: Mart) -> str:
    columns = [check.arguments["column"] for check in mart.checks if check.name.endswith("_is_not_null")]
    return change_one_row(mart.table, ", ".join(f"{column} = null" for column in columns))


# The checks that many marts share are violated in all marts at once.
COMMON = {
    "key_is_unique": ";".join(f"insert into {mart.table} from {mart.table} limit 1" for mart in MARTS),
    "_is_not_null": ";".join(set_to_null(mart) for mart in MARTS),
    "build_id_is_known": ";".join(
        change_one_row(mart.table, "build_id = if(rowid % 2 = 0, 'unknown', null)")
        for mart in MARTS
        if mart.is_incremental
    ),
    "rejection_rate_within_limit": """
        update ingested_files set records_accepted = 940, records_rejected = 60 where batch_id = '2';
        update rejected_records set records_rejected = 30 where batch_id = '2';
    """,
    "no_file_is_rejected": """
        update ingested_files
        set status = 'rejected', reason = 'it is empty', records_read = 0, records_accepted = 0,
            records_rejected = 0
        where batch_id = '1';
        delete from rejected_records where batch_id = '1';
    """,
}
CHECKS = [
    pytest.param(mart, check, id=f"{mart.table}-{check.name}")
    for mart in MARTS
    for check in mart.checks
    if check.name != "row_count_within_limit" and not check.name.endswith(tuple(COMMON))
]


def test_every_corruption_belongs_to_a_check():
    assert set(CORRUPTIONS) <= {(mart.table, check.name) for mart in MARTS for check in mart.checks}


def test_the_passing_candidate_passes_every_check(passing):
    results = run_gate(passing)
    assert [result for result in results if not result.passed] == []
    assert len(results) == sum(len(mart.checks) for mart in MARTS)


@pytest.mark.parametrize(("mart", "check"), CHECKS)
def test_a_violated_condition_fails_only_its_check(candidate, mart, check):
    change(candidate, corruption(mart, check))
    failed = failures(candidate, mart.table)
    assert set(failed) == {check.name}
    result = failed[check.name]
    assert not result.broken
    assert re.fullmatch(r"[\d,]+ violations?", result.found)
    assert 1 <= len(result.examples) <= 5


@pytest.mark.parametrize("form", COMMON)
def test_a_check_that_marts_share_fails_in_each_mart(candidate, form):
    change(candidate, COMMON[form])
    failed = {
        (result.table, result.check.name): result for result in run_gate(candidate) if not result.passed
    }
    expected = {
        (mart.table, check.name) for mart in MARTS for check in mart.checks if check.name.endswith(form)
    }
    assert expected
    assert expected <= set(failed)
    assert {name for _, name in set(failed) - expected} <= (
        ENTAILED if form in ("key_is_unique", "_is_not_null") else set()
    )
    assert all(failed[key].examples and not failed[key].broken for key in expected)


def test_a_high_rejection_rate_names_the_files_with_most_rejections(candidate):
    change(
        candidate,
        """
        update ingested_files set records_rejected = if(account_id = 'demo', 51, 0) where batch_id = '2'
        """,
    )
    result = failures(candidate, "fct_messages")["rejection_rate_within_limit"]
    assert result.examples == ("demo/messages: 51 of 1000 records, most in messages/demo2.jsonl",)
    assert (
        result.check.expected
        == "at most 5.0% of the messages or message_echoes or statuses of the latest batch rejected"
    )


def test_lost_records_and_rows_without_a_record_are_named(candidate):
    change(candidate, lost_record("messages"))
    change(candidate, change_one_row("fct_messages", "message_id = 'demo:ghost'"))
    examples = failures(candidate, "fct_messages")["messages_match_raw_files"].examples
    assert "demo:lost is not in the mart" in examples
    assert "demo:ghost is in no raw file" in examples
