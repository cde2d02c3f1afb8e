"""What must be true of the daily aggregates: above all, that they agree with the facts and with each other.

Belongs here: the promises of `agg_overview`, `agg_by_agent`, `agg_by_tag`, `agg_by_hour`, `agg_delivery` and
`csat_summary`. Does not: the facts' own promises.
"""

from orchestration.quality.check import (
    Check,
    between,
    few_rejected,
    filled,
    mart,
    no_file_refused,
    not_negative,
    one_of,
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
    from marts.fct_conversations
    join seeds.accounts using (account_id)
    where csat_rating is not null
)"""

AGG_OVERVIEW = mart(
    "agg_overview",
    ("account_id", "report_date", "origin"),
    filled("account_id"),
    filled("report_date"),
    filled("origin"),
    one_of("origin", *ORIGINS),
    not_negative("distinct_contacts", "inbound_messages", "agent_messages", "automated_messages", *ADDITIVE),
    Check(
        "contacts_fit_conversations",
        "distinct_contacts ≤ conversations",
        broken_where="distinct_contacts > conversations",
    ),
    same_totals(
        "conversations_agree_with_facts",
        "marts.fct_conversations",
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
        "messages_agree_with_facts",
        "marts.fct_messages",
        "sent_on",
        {
            "messages": "count(*)",
            "inbound_messages": "count(*) filter (where direction = 'inbound')",
            "agent_messages": "count(*) filter (where is_agent_message)",
            "automated_messages": "count(*) filter (where is_automated)",
        },
    ),
    same_totals(
        "csat_agrees_with_facts",
        RATED_CONVERSATIONS,
        "answered_on",
        {"csat_n": "count(*)", "csat_sum": "sum(csat_rating)"},
    ),
    warning(
        Check(
            "last_day_is_as_busy_as_usual",
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
                    join seeds.accounts using (account_id)
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
                anti join seeds.holidays on compared.account_id = holidays.account_id and day = holiday_on
                where usual >= 20 and found < usual * (1 - getvariable('max_volume_drop'))
            """,
        )
    ),
)

AGG_BY_AGENT = mart(
    "agg_by_agent",
    ("account_id", "report_date", "agent_id"),
    filled("account_id"),
    filled("report_date"),
    filled("agent_name"),
    not_negative("distinct_contacts", *ADDITIVE),
    Check(
        "nobody_is_unassigned",
        "agent_name is Unassigned where agent_id is null",
        broken_where="agent_id is null and agent_name <> 'Unassigned'",
    ),
    same_totals(
        "agents_sum_to_overview",
        "marts.agg_overview",
        "report_date",
        {measure: f"sum({measure})" for measure in ADDITIVE},
    ),
)

AGG_BY_TAG = mart(
    "agg_by_tag",
    ("account_id", "report_date", "tag"),
    filled("account_id"),
    filled("report_date"),
    filled("tag"),
    not_negative("distinct_contacts", *ADDITIVE),
    Check(
        "tags_cover_the_overview",
        "for every account and day the tags' conversations together at least those of the overview",
        broken_keys="""
            select
                concat_ws(' ', account_id, report_date) || ': '
                || coalesce(tagged, 0) || ' of ' || conversations as key
            from (
                select account_id, report_date, sum(conversations) as conversations
                from marts.agg_overview
                group by all
            )
            left join (
                select account_id, report_date, sum(conversations) as tagged from {batch} as rows group by all
            ) using (account_id, report_date)
            where coalesce(tagged, 0) < conversations
        """,
        of_all=True,
    ),
)

AGG_BY_HOUR = mart(
    "agg_by_hour",
    ("account_id", "report_date", "hour"),
    filled("account_id"),
    filled("report_date"),
    filled("hour"),
    between("hour", 0, 23),
    Check(
        "iso_weekday_is_that_of_the_day",
        "iso_weekday from 1 (Monday) to 7, that of report_date",
        broken_where="iso_weekday is distinct from isodow(report_date)",
    ),
    not_negative("conversations", "inbound_messages", "agent_messages"),
    same_totals(
        "hours_sum_to_overview",
        "marts.agg_overview",
        "report_date",
        {measure: f"sum({measure})" for measure in ("conversations", "inbound_messages", "agent_messages")},
    ),
)

CSAT_SUMMARY = mart(
    "csat_summary",
    ("account_id", "report_date", "origin", "agent_id"),
    few_rejected("surveys", "csat_survey_responses"),
    no_file_refused("surveys", "csat_survey_responses"),
    filled("account_id"),
    filled("report_date"),
    filled("origin"),
    one_of("origin", *ORIGINS),
    not_negative(
        "surveys_sent", "responses", "satisfied", "dissatisfied", *(f"rating_{n}" for n in range(1, 6))
    ),
    between("csat_score", 0, 1),
    Check(
        "ratings_fit_responses",
        "satisfied + dissatisfied ≤ responses, and rating_1 + … + rating_5 ≤ responses",
        broken_where="""
            satisfied + dissatisfied > responses
            or rating_1 + rating_2 + rating_3 + rating_4 + rating_5 > responses
        """,
    ),
    Check(
        "no_response_no_average",
        "csat_avg and csat_score exactly where there are responses: null, not 0",
        broken_where="""
            (responses > 0) <> (csat_avg is not null) or (responses > 0) <> (csat_score is not null)
        """,
    ),
    same_totals(
        "csat_sums_to_overview",
        "marts.agg_overview",
        "report_date",
        {"surveys_sent": "sum(surveys_sent)", "responses": "sum(csat_n)", "csat_sum": "sum(csat_sum)"},
    ),
)

AGG_DELIVERY = mart(
    "agg_delivery",
    ("account_id", "report_date", "template_name", "pricing_category"),
    filled("account_id"),
    filled("report_date"),
    filled("template_name"),
    not_negative("messages", "sent", "delivered", "read", "failed", "billable"),
    Check(
        "each_step_is_part_of_the_one_before",
        "read ≤ delivered ≤ sent, and sent + failed ≤ messages",
        broken_where="read > delivered or delivered > sent or sent + failed > messages",
    ),
    between("delivery_rate", 0, 1),
    between("read_rate", 0, 1),
    between("failure_rate", 0, 1),
    Check(
        "nothing_sent_no_rate",
        "a rate exactly where there is something to divide by: null, not 0",
        broken_where="""
            (sent > 0) <> (delivery_rate is not null)
            or (delivered > 0) <> (read_rate is not null)
            or (sent + failed > 0) <> (failure_rate is not null)
        """,
    ),
    same_totals(
        "deliveries_agree_with_facts",
        "(from marts.fct_messages where direction = 'outbound')",
        "sent_on",
        {
            "messages": "count(*)",
            "sent": "count(*) filter (where delivery_status in ('sent', 'delivered', 'read', 'deleted'))",
            "delivered": "count(*) filter (where delivery_status in ('delivered', 'read'))",
            "read": "count(*) filter (where delivery_status = 'read')",
            "failed": "count(*) filter (where delivery_status = 'failed')",
            "billable": "count(*) filter (where is_billable)",
        },
    ),
)

MARTS = (AGG_OVERVIEW, AGG_BY_AGENT, AGG_BY_TAG, AGG_BY_HOUR, AGG_DELIVERY, CSAT_SUMMARY)
