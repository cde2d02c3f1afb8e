"""Checks of customer turns and of the backlog.

Belongs here: `fct_customer_turns`, `agg_backlog`. Does not: turns summed by conversation (`conversations`) or
by day (`daily`).
"""

from orchestration.quality.check import Check
from orchestration.quality.conditions import (
    accepted_values,
    between,
    incremental_mart,
    mart,
    not_before,
    not_negative,
    not_null,
    references,
)

FCT_CUSTOMER_TURNS = incremental_mart(
    "fct_customer_turns",
    ("turn_id",),
    not_null("turn_id"),
    not_null("conversation_id"),
    not_null("outcome"),
    not_null("asked_at"),
    not_null("asked_on"),
    accepted_values("outcome", "answered", "closed", "waiting"),
    between("asked_hour", 0, 23),
    not_before("ended_at", "asked_at"),
    not_negative("wait_seconds", "wait_working_seconds"),
    Check(
        "turns_begin_with_a_message",
        "inbound_messages ≥ 1 and turn_number ≥ 1",
        broken_where="inbound_messages < 1 or turn_number < 1",
    ),
    Check(
        "only_answered_turns_have_waits",
        "wait_seconds and answered_by_agent_id if and only if the turn is answered, and then ended_at",
        broken_where="""
            (outcome = 'answered') <> (wait_seconds is not null)
            or (outcome = 'answered') <> (answered_by_agent_id is not null)
            or outcome = 'answered' and ended_at is null
            or outcome = 'waiting' and ended_at is not null
        """,
    ),
    Check(
        "working_time_within_elapsed_time",
        "wait_working_seconds ≤ wait_seconds",
        broken_where="wait_working_seconds > wait_seconds + 0.001",
    ),
    Check(
        "turns_match_conversations",
        "for every account, turns and waits summed over conversations equal those of the turns",
        broken_keys="""
            select
                account_id || ': ' || coalesce(turns.answered, 0) || ' answered, '
                || coalesce(turns.closed, 0) || ' closed, ' || coalesce(turns.waiting, 0) || ' waiting' as key
            from (
                select
                    account_id,
                    count(*) filter (where outcome = 'answered') as answered,
                    count(*) filter (where outcome = 'closed') as closed,
                    count(*) filter (where outcome = 'waiting') as waiting,
                    coalesce(sum(wait_seconds), 0) as wait
                from {batch} as rows
                group by account_id
            ) as turns
            full join (
                select
                    account_id,
                    sum(turns_answered) as answered,
                    sum(turns_closed) as closed,
                    sum(turns_waiting) as waiting,
                    coalesce(sum(total_wait_seconds), 0) as wait
                from fct_conversations
                group by account_id
            ) as conversations using (account_id)
            where coalesce(turns.answered, 0) <> coalesce(conversations.answered, 0)
                or coalesce(turns.closed, 0) <> coalesce(conversations.closed, 0)
                or coalesce(turns.waiting, 0) <> coalesce(conversations.waiting, 0)
                or abs(coalesce(turns.wait, 0) - coalesce(conversations.wait, 0))
                    > 1e-6 * greatest(1, coalesce(turns.wait, 0))
        """,
    ),
    references("conversation_id", "fct_conversations", "conversation_id"),
    references("answered_by_agent_id", "dim_agents", "agent_id"),
)

AGG_BACKLOG = mart(
    "agg_backlog",
    ("account_id", "report_date", "agent_id"),
    not_null("account_id"),
    not_null("report_date"),
    not_null("agent_name"),
    Check(
        "aged_conversations_within_open",
        "open ≥ open_over_1_day ≥ open_over_7_days ≥ 0, and open ≥ 1",
        broken_where="open < 1 or open < open_over_1_day or open_over_1_day < open_over_7_days"
        " or open_over_7_days < 0",
    ),
    Check(
        "backlog_matches_open_conversations",
        "for every account, the backlog of the last day equals the conversations open at its end",
        broken_keys="""
            with ends as (
                select
                    account_id,
                    any_value(time_zone) as time_zone,
                    timezone(any_value(time_zone), timezone('UTC', max(sent_at)))::date as last_on
                from fct_messages
                join dim_accounts using (account_id)
                group by account_id
            ),
            expected as (
                select account_id, count(*) as open
                from reporting.rpt_open_periods as periods
                join ends using (account_id)
                where timezone(time_zone, timezone('UTC', opened_at))::date <= last_on
                    and (left_at is null or timezone(time_zone, timezone('UTC', left_at))::date > last_on)
                group by account_id
            ),
            actual as (
                select rows.account_id, sum(rows.open) as open
                from {batch} as rows
                join ends on rows.account_id = ends.account_id and rows.report_date = ends.last_on
                group by rows.account_id
            )
            select
                account_id || ': ' || coalesce(actual.open, 0) || ' instead of '
                || coalesce(expected.open, 0) as key
            from actual
            full join expected using (account_id)
            where coalesce(actual.open, 0) <> coalesce(expected.open, 0)
        """,
    ),
    Check(
        "backlog_has_no_closed_conversations",
        "no conversation whose status is closed is open",
        broken_keys="""
            select conversation_id as key
            from reporting.rpt_open_periods
            join fct_conversations using (conversation_id)
            where left_at is null and is_closed
        """,
    ),
)

MARTS = (FCT_CUSTOMER_TURNS, AGG_BACKLOG)
