"""Checks of the daily aggregates: above all, that they agree with the facts and with each other.

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

CONVERSATION_COUNTS = ("conversations", "closed", "reopens", "one_touch", "windows_missed")
TIMED = ("duration", "first_response", "first_response_working", "wait")
# Distinct contacts, medians and percentiles do not add up.
ADDITIVE = (
    *CONVERSATION_COUNTS,
    "messages",
    "surveys_sent",
    *(f"{measure}_{part}" for measure in (*TIMED, "csat") for part in ("n", "sum")),
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
    not_negative("distinct_contacts", "inbound_messages", "agent_messages", "automated_messages", *ADDITIVE),
    Check(
        "distinct_contacts_within_conversations",
        "distinct_contacts ≤ conversations",
        broken_where="distinct_contacts > conversations",
    ),
    same_totals(
        "conversations_match_facts",
        "fct_conversations",
        "started_on",
        {
            "conversations": "count(*)",
            "closed": "count(*) filter (where is_closed)",
            "reopens": "sum(reopens)",
            "one_touch": "count(*) filter (where is_one_touch)",
            "windows_missed": "sum(windows_missed)",
            "duration_n": "count(duration_seconds)",
            "duration_sum": "sum(duration_seconds)",
            "first_response_n": "count(first_response_seconds)",
            "first_response_sum": "sum(first_response_seconds)",
            "first_response_working_sum": "sum(first_response_working_seconds)",
            "wait_n": "count(wait_sum_seconds)",
            "wait_sum": "sum(wait_sum_seconds)",
        },
    ),
    same_totals(
        "messages_match_facts",
        "fct_messages",
        "sent_on",
        {
            "messages": "count(*)",
            "inbound_messages": "count(*) filter (where direction = 'inbound')",
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
            "last_day_volume_is_usual",
            "for every account the conversations of the last complete day, unless a holiday, at most"
            " {settings.max_volume_drop:.0%} below the mean of that weekday in the four weeks before"
            " (where that is at least 20)",
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
        "agent_name is Unassigned where agent_id is null",
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
    Check(
        "tags_cover_overview",
        "for every account and day the tags' conversations together at least those of the overview",
        broken_keys="""
            select
                concat_ws(' ', account_id, report_date) || ': '
                || coalesce(tagged, 0) || ' of ' || conversations as key
            from (
                select account_id, report_date, sum(conversations) as conversations
                from agg_overview
                group by all
            )
            left join (
                select account_id, report_date, sum(conversations) as tagged from {batch} as rows group by all
            ) using (account_id, report_date)
            where coalesce(tagged, 0) < conversations
        """,
    ),
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
        "iso_weekday from 1 (Monday) to 7, that of report_date",
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
