"""Checks of the conversations, their tags and their events.

Belongs here: `fct_conversations`, `bridge_conversation_tags`, `fct_conversation_events`. Does not: the turns
(`turns`), nor the daily aggregates (`daily`).
"""

from orchestration.quality.check import Check
from orchestration.quality.conditions import (
    accepted_values,
    between,
    incremental_mart,
    matches_raw_files,
    no_file_is_rejected,
    not_before,
    not_negative,
    not_null,
    references,
    rejection_rate,
    warning,
)

ORIGINS = ("flow", "inbox", "inbound", "other")
STATUSES = ("not_contacted", "in_flow", "new", "in_progress", "closed")
EVENTS = ("conversation_events", "reporting_events", "status_changes")
EXPORTED = """
    select _account_id || ':' || id as id, _batch_id as batch_id
    from read_parquet(getvariable('raw_path') || '/conversations/*/*.parquet', union_by_name = true)
"""
# WhatsApp Cloud exports messages only; its conversations are derived from them.
IS_EXPORTED = "account_id not in (select account_id from dim_accounts where platform = 'whatsapp_cloud')"

FCT_CONVERSATIONS = incremental_mart(
    "fct_conversations",
    ("conversation_id",),
    matches_raw_files("conversations", "conversation_id", EXPORTED, where=IS_EXPORTED),
    rejection_rate("conversations", *EVENTS),
    no_file_is_rejected("conversations", *EVENTS),
    not_null("conversation_id"),
    not_null("account_id"),
    not_null("started_at"),
    not_null("started_on"),
    not_null("origin"),
    accepted_values("origin", *ORIGINS),
    accepted_values("status", *STATUSES),
    accepted_values("handled_by", "agent", "automation", "nobody"),
    between("started_hour", 0, 23),
    not_before("first_response_at", "first_inbound_at"),
    not_before("closed_at", "started_at"),
    not_negative(
        "messages",
        "inbound_messages",
        "outbound_messages",
        "agent_messages",
        "automated_messages",
        "agents_replied",
        "reopens",
        "assignments",
        "agents_assigned",
        "windows_expired",
        "turns_answered",
        "turns_closed",
        "turns_waiting",
        "days_since_previous",
        "duration_seconds",
        "duration_working_seconds",
        "first_response_seconds",
        "first_response_working_seconds",
        "total_wait_seconds",
        "max_wait_seconds",
        "total_wait_working_seconds",
    ),
    Check(
        "messages_are_inbound_or_outbound",
        "messages = inbound_messages + outbound_messages",
        broken_where="messages <> inbound_messages + outbound_messages",
    ),
    Check(
        "agent_and_automated_within_outbound",
        "agent_messages + automated_messages ≤ outbound_messages",
        broken_where="agent_messages + automated_messages > outbound_messages",
    ),
    Check(
        "turns_within_inbound_messages",
        "at most as many turns as inbound_messages",
        broken_where="turns_answered + turns_closed + turns_waiting > inbound_messages",
    ),
    Check(
        "only_last_turn_is_waiting",
        "at most one turn is waiting, with a waiting_since, and none in a closed conversation",
        broken_where="""
            turns_waiting > 1
            or (turns_waiting = 1) <> (waiting_since is not null)
            or turns_waiting = 1 and is_closed
        """,
    ),
    Check(
        "handled_by_is_set_with_inbound_messages",
        "handled_by is set if and only if there is an inbound message; automation only requires automation",
        broken_where="""
            (inbound_messages > 0) <> (handled_by is not null)
            or is_automation_only and handled_by is distinct from 'automation'
        """,
    ),
    Check(
        "waits_match_answered_turns",
        "a wait if and only if a turn is answered, and max_wait_seconds ≤ total_wait_seconds",
        broken_where="""
            (turns_answered > 0) <> (total_wait_seconds is not null)
            or max_wait_seconds > total_wait_seconds + 0.001
        """,
    ),
    Check(
        "working_time_within_elapsed_time",
        "every working time ≤ its elapsed time",
        broken_where="""
            duration_working_seconds > duration_seconds + 0.001
            or first_response_working_seconds > first_response_seconds + 0.001
            or total_wait_working_seconds > total_wait_seconds + 0.001
        """,
    ),
    Check(
        "only_closed_conversations_have_durations",
        "closed_at and duration_seconds only if the status is closed",
        broken_where="""
            status is distinct from 'closed'
            and (closed_at is not null or first_closed_at is not null or duration_seconds is not null)
        """,
    ),
    Check(
        "csat_rating_within_scale",
        "csat_rating within the scale of the account's platform (seed csat_scales, else 1 to 5)",
        broken_keys="""
            select conversation_id as key
            from {batch} as conversations
            join dim_accounts using (account_id)
            left join warehouse.seeds.csat_scales using (platform)
            where csat_rating not between coalesce(rating_min, 1) and coalesce(rating_max, 5)
        """,
    ),
    references("account_id", "dim_accounts", "account_id"),
    references("agent_id", "dim_agents", "agent_id"),
    references("first_response_agent_id", "dim_agents", "agent_id"),
    references("csat_agent_id", "dim_agents", "agent_id"),
    references("contact_key", "dim_contacts", "contact_key"),
    warning(
        Check(
            "status_code_is_mapped",
            "every status of the platform is in the seed conversation_statuses",
            "ExpectColumnValuesToNotBeNull",
            {"column": "status"},
        )
    ),
    warning(
        Check(
            "accounts_have_working_hours",
            "every account with conversations is in the seed working_hours; otherwise its working times are"
            " null",
            broken_keys="""
                select account_id as key
                from dim_accounts
                where account_id not in (select account_id from warehouse.seeds.working_hours)
                    and account_id in (select account_id from {batch})
            """,
        )
    ),
    warning(
        Check(
            "accounts_have_messages",
            "every account with conversations has messages; otherwise metrics of messages are empty",
            broken_keys="""
                select account_id || ': ' || count(*) || ' conversations, no messages' as key
                from {batch}
                where account_id not in (select account_id from fct_messages)
                group by account_id
            """,
        )
    ),
    warning(
        Check(
            "accounts_have_events",
            "every account whose platform exports conversation events has some; otherwise reopens,"
            " assignments and hand-offs are null, and closes come from conversations and messages",
            broken_keys="""
                select account_id || ': no conversation events' as key
                from dim_accounts
                where platform <> 'whatsapp_cloud'
                    and account_id in (select account_id from {batch})
                    and account_id not in (select account_id from fct_conversation_events)
            """,
        )
    ),
    warning(
        Check(
            "accounts_have_surveys",
            "every account whose platform exports surveys has some; otherwise ratings are unknown (null)",
            broken_keys="""
                select account_id || ': no surveys' as key
                from dim_accounts
                where platform <> 'whatsapp_cloud'
                    and account_id in (select account_id from {batch})
                    and account_id not in (
                        select account_id from fct_conversations where survey_sent_at is not null
                    )
            """,
        )
    ),
)

BRIDGE_CONVERSATION_TAGS = incremental_mart(
    "bridge_conversation_tags",
    ("conversation_id", "tag"),
    not_null("conversation_id"),
    not_null("tag"),
    references("conversation_id", "fct_conversations", "conversation_id"),
)

FCT_CONVERSATION_EVENTS = incremental_mart(
    "fct_conversation_events",
    ("event_id",),
    not_null("event_id"),
    not_null("conversation_id"),
    not_null("occurred_at"),
    accepted_values("event_type", "assigned", "unassigned", "handed_off", "closed", "reopened"),
)

MARTS = (FCT_CONVERSATIONS, BRIDGE_CONVERSATION_TAGS, FCT_CONVERSATION_EVENTS)
