"""Checks of the daily aggregates: they agree with the facts and with each other.

Belongs here: `agg_overview`, and the aggregates that sum to it: `agg_by_agent`, `agg_by_tag`, `agg_by_hour`.
Does not: the checks of the facts.
"""

from orchestration.quality.check import Check
from orchestration.quality.conditions import (
    accepted_values,
    between,
    incremental_mart,
    not_negative,
    not_null,
    same_totals,
    warning,
)
from orchestration.quality.marts.conversations import ORIGINS

# Distinct contacts, medians and percentiles are not additive.
MESSAGE_COUNTS = (
    *("inbound_messages", "outbound_messages", "agent_messages", "automated_messages"),
    "messages",
)
TIMED = ("duration", "first_response", "first_response_working", "reply", "total_wait")
TARGETS = ("first_response", "reply", "duration")
ADDITIVE = (
    *("conversations", "closed", "closed_on_day", "reopens", "one_touch", "automation_only"),
    *("windows_expired", "repeats", "turns_answered", "turns_closed", "surveys_sent", "surveys_answered"),
    *MESSAGE_COUNTS,
    *(f"{measure}_{part}" for measure in (*TIMED, "csat") for part in ("n", "sum")),
    *(f"{measure}_on_target_{part}" for measure in TARGETS for part in ("n", "met")),
)
# Measures of conversations, by the day of their start.
OF_CONVERSATIONS = {
    "conversations": "count(*)",
    "closed": "count(*) filter (where is_closed)",
    "reopens": "sum(reopens)",
    "one_touch": "count(*) filter (where is_one_touch)",
    "automation_only": "count(*) filter (where is_automation_only)",
    "windows_expired": "sum(windows_expired)",
    "repeats": "count(*) filter (where is_repeat)",
    "duration_n": "count(duration_seconds)",
    "duration_sum": "sum(duration_seconds)",
    "first_response_n": "count(first_response_seconds)",
    "first_response_sum": "sum(first_response_seconds)",
    "first_response_working_sum": "sum(first_response_working_seconds)",
    "total_wait_n": "count(total_wait_seconds)",
    "total_wait_sum": "sum(total_wait_seconds)",
    "first_response_on_target_n": "count(is_first_response_within_target)",
    "first_response_on_target_met": "count(*) filter (where is_first_response_within_target)",
    "duration_on_target_n": "count(is_duration_within_target)",
    "duration_on_target_met": "count(*) filter (where is_duration_within_target)",
}
OF_TURNS = {
    "turns_answered": "count(*) filter (where outcome = 'answered')",
    "turns_closed": "count(*) filter (where outcome = 'closed')",
    "reply_n": "count(wait_seconds)",
    "reply_sum": "sum(wait_seconds)",
    "reply_on_target_n": "count(is_within_target)",
    "reply_on_target_met": "count(*) filter (where is_within_target)",
}
CLOSED_CONVERSATIONS = "(from fct_conversations where closed_on is not null)"
SURVEYED_CONVERSATIONS = "(from fct_conversations where survey_sent_on is not null)"
BY_TAG = "left join bridge_conversation_tags using (account_id, conversation_id)"
TAGGED_CONVERSATIONS = f"(from fct_conversations {BY_TAG})"
TAGGED_TURNS = f"(from fct_customer_turns {BY_TAG})"
# Conditions within a row.
ROW_CHECKS = (
    Check(
        "messages_are_inbound_or_outbound",
        "messages = inbound_messages + outbound_messages",
        broken_where="messages <> inbound_messages + outbound_messages",
    ),
    Check(
        "surveys_answered_within_surveys_sent",
        "surveys_answered ≤ surveys_sent",
        broken_where="surveys_answered > surveys_sent",
    ),
    Check(
        "targets_met_within_measured",
        "for first_response, reply and duration: _on_target_met ≤ _on_target_n",
        broken_where=" or ".join(f"{name}_on_target_met > {name}_on_target_n" for name in TARGETS),
    ),
)
RATED_CONVERSATIONS = """(
    select
        account_id,
        csat_rating,
        timezone(time_zone, timezone('UTC', survey_responded_at))::date as answered_on
    from fct_conversations
    join dim_accounts using (account_id)
    where csat_rating is not null
)"""

AGG_OVERVIEW = incremental_mart(
    "agg_overview",
    ("account_id", "report_date", "origin"),
    not_null("account_id"),
    not_null("report_date"),
    not_null("origin"),
    accepted_values("origin", *ORIGINS),
    not_negative("distinct_contacts", *ADDITIVE),
    *ROW_CHECKS,
    Check(
        "distinct_contacts_within_conversations",
        "distinct_contacts ≤ conversations",
        broken_where="distinct_contacts > conversations",
    ),
    same_totals("conversations_match_facts", "fct_conversations", "started_on", OF_CONVERSATIONS),
    same_totals("turns_match_facts", "fct_customer_turns", "asked_on", OF_TURNS),
    same_totals("closes_match_facts", CLOSED_CONVERSATIONS, "closed_on", {"closed_on_day": "count(*)"}),
    same_totals(
        "surveys_match_facts",
        SURVEYED_CONVERSATIONS,
        "survey_sent_on",
        {"surveys_sent": "count(*)", "surveys_answered": "count(csat_rating)"},
    ),
    same_totals(
        "messages_match_facts",
        "fct_messages",
        "sent_on",
        {
            "messages": "count(*)",
            "inbound_messages": "count(*) filter (where direction = 'inbound')",
            "outbound_messages": "count(*) filter (where direction = 'outbound')",
            "agent_messages": "count(*) filter (where is_agent_message)",
            "automated_messages": "count(*) filter (where is_automated)",
        },
    ),
    same_totals(
        "csat_matches_facts",
        RATED_CONVERSATIONS,
        "answered_on",
        {"csat_n": "count(*)", "csat_sum": "sum(csat_rating)"},
    ),
    warning(
        Check(
            "last_day_volume_within_limit",
            "for every account, conversations of the last complete day, unless a holiday, at most"
            " {settings.max_volume_drop:.0%} below the mean of that weekday in the previous four weeks"
            " (if that is at least 20)",
            broken_keys="""
                with daily as (
                    select account_id, report_date, sum(conversations) as conversations
                    from {batch} as rows
                    group by all
                ),
                last_days as (
                    select
                        account_id,
                        least(max(report_date), timezone(any_value(time_zone), now())::date) - 1 as day,
                        min(report_date) as first_day
                    from daily
                    join dim_accounts using (account_id)
                    group by account_id
                ),
                compared as (
                    select
                        account_id,
                        day,
                        coalesce(sum(conversations) filter (where report_date = day), 0) as found,
                        coalesce(sum(conversations) filter (where report_date < day), 0) / 4 as usual
                    from last_days
                    join daily using (account_id)
                    where
                        report_date in (day, day - 7, day - 14, day - 21, day - 28)
                        and first_day <= day - 28
                    group by account_id, day
                )
                select
                    account_id || ' ' || day || ': ' || found || ' conversations, usually ' || round(usual, 1)
                        as key
                from compared
                anti join warehouse.seeds.holidays as holidays
                    on compared.account_id = holidays.account_id and day = holiday_on
                where usual >= 20 and found < usual * (1 - getvariable('max_volume_drop'))
            """,
        )
    ),
)

AGG_BY_AGENT = incremental_mart(
    "agg_by_agent",
    ("account_id", "report_date", "agent_id"),
    not_null("account_id"),
    not_null("report_date"),
    not_null("agent_name"),
    not_negative("distinct_contacts", *ADDITIVE),
    Check(
        "null_agent_is_unassigned",
        "agent_name is Unassigned if agent_id is null",
        broken_where="agent_id is null and agent_name <> 'Unassigned'",
    ),
    same_totals(
        "agents_sum_to_overview",
        "agg_overview",
        "report_date",
        {measure: f"sum({measure})" for measure in ADDITIVE},
    ),
)

AGG_BY_TAG = incremental_mart(
    "agg_by_tag",
    ("account_id", "report_date", "tag"),
    not_null("account_id"),
    not_null("report_date"),
    not_null("tag"),
    not_negative("distinct_contacts", *ADDITIVE),
    # A conversation with two tags counts twice, in the mart and here.
    same_totals("tags_match_tagged_conversations", TAGGED_CONVERSATIONS, "started_on", OF_CONVERSATIONS),
    same_totals("tags_match_tagged_turns", TAGGED_TURNS, "asked_on", OF_TURNS),
)

AGG_BY_HOUR = incremental_mart(
    "agg_by_hour",
    ("account_id", "report_date", "hour"),
    not_null("account_id"),
    not_null("report_date"),
    not_null("hour"),
    between("hour", 0, 23),
    Check(
        "iso_weekday_matches_report_date",
        "iso_weekday is the weekday of report_date, from 1 (Monday) to 7",
        broken_where="iso_weekday is distinct from isodow(report_date)",
    ),
    not_negative("conversations", "inbound_messages", "agent_messages"),
    same_totals(
        "hours_sum_to_overview",
        "agg_overview",
        "report_date",
        {measure: f"sum({measure})" for measure in ("conversations", "inbound_messages", "agent_messages")},
    ),
)

MARTS = (AGG_OVERVIEW, AGG_BY_AGENT, AGG_BY_TAG, AGG_BY_HOUR)
