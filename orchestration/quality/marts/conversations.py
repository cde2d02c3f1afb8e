"""What must be true of the conversations and of their tags.

Belongs here: the promises of `fct_conversations`, its tags and its events. Does not: what the reports
sum up from them.
"""

from dataclasses import replace

from orchestration.quality.check import (
    Check,
    between,
    complete,
    few_rejected,
    filled,
    mart,
    no_file_refused,
    not_before,
    not_negative,
    one_of,
    refers,
    warning,
)

ORIGINS = ("flow", "inbox", "inbound", "other")
# WhatsApp Cloud knows no conversations: they are cut from the messages, so that each has one.
CUT_BY_US = "select account_id from seeds.accounts where platform = 'whatsapp_cloud'"
EVENTS = ("conversation_events", "reporting_events", "status_changes")
STATUSES = ("not_contacted", "in_flow", "new", "in_progress", "closed")

FCT_CONVERSATIONS = mart(
    "fct_conversations",
    ("conversation_id",),
    complete(
        "fct_conversations",
        "conversations",
        "conversation_id",
        "int_replaced_conversations",
        where=f"account_id not in ({CUT_BY_US})",
    ),
    few_rejected("conversations", *EVENTS),
    no_file_refused("conversations", *EVENTS),
    filled("conversation_id"),
    filled("account_id"),
    filled("started_at"),
    filled("started_on"),
    filled("origin"),
    one_of("origin", *ORIGINS),
    one_of("status", *STATUSES),
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
        "windows_missed",
        "turns_answered",
        "turns_unanswered",
        "duration_seconds",
        "duration_working_seconds",
        "first_response_seconds",
        "first_response_working_seconds",
        "wait_sum_seconds",
        "wait_max_seconds",
        "wait_working_sum_seconds",
    ),
    Check(
        "messages_are_inbound_or_outbound",
        "messages = inbound_messages + outbound_messages",
        broken_where="messages <> inbound_messages + outbound_messages",
    ),
    Check(
        "outbound_covers_agent_and_automated",
        "outbound_messages ≥ agent_messages + automated_messages",
        broken_where="outbound_messages < agent_messages + automated_messages",
    ),
    Check(
        "turns_fit_inbound",
        "a turn begins with an inbound message: turns_answered + turns_unanswered ≤ inbound_messages",
        broken_where="turns_answered + turns_unanswered > inbound_messages",
    ),
    Check(
        "waits_fit_turns",
        "a wait exactly where a turn was answered, and none longer than their sum",
        broken_where="""
            (turns_answered > 0) <> (wait_sum_seconds is not null)
            or wait_max_seconds > wait_sum_seconds + 0.001
        """,
    ),
    Check(
        "working_time_fits_time",
        "no working time longer than the time it is part of",
        broken_where="""
            duration_working_seconds > duration_seconds + 0.001
            or first_response_working_seconds > first_response_seconds + 0.001
            or wait_working_sum_seconds > wait_sum_seconds + 0.001
        """,
    ),
    Check(
        "only_closed_have_durations",
        "closed_at and duration_seconds only where the status is closed",
        broken_where="""
            status is distinct from 'closed' and (closed_at is not null or duration_seconds is not null)
        """,
    ),
    Check(
        "csat_rating_is_on_the_scale",
        "csat_rating within the scale of the account's platform (seed csat_scales, else 1 to 5)",
        broken_keys="""
            select conversation_id as key
            from {batch} as conversations
            join seeds.accounts using (account_id)
            left join seeds.csat_scales using (platform)
            where csat_rating not between coalesce(rating_min, 1) and coalesce(rating_max, 5)
        """,
    ),
    refers("agent_id", "dim_agents", "agent_id"),
    refers("first_response_agent_id", "dim_agents", "agent_id"),
    refers("contact_key", "dim_contacts", "contact_key"),
    warning(
        Check(
            "status_code_is_known",
            "every status code of the platform stands in the seed conversation_statuses",
            "ExpectColumnValuesToNotBeNull",
            {"column": "status"},
        )
    ),
    warning(
        Check(
            "accounts_have_working_hours",
            "every account has rows in the seed working_hours, or its working times are 0",
            broken_keys="""
                select account_id as key
                from seeds.accounts
                where account_id not in (select account_id from seeds.working_hours)
                    and account_id in (select account_id from {batch})
            """,
        )
    ),
)

BRIDGE_CONVERSATION_TAGS = mart(
    "bridge_conversation_tags",
    ("conversation_id", "tag"),
    filled("conversation_id"),
    filled("tag"),
    # A conversation that is not there could not be told to be touched.
    replace(refers("conversation_id", "fct_conversations", "conversation_id"), of_all=True),
)

FCT_CONVERSATION_EVENTS = mart(
    "fct_conversation_events",
    ("event_id",),
    filled("event_id"),
    filled("conversation_id"),
    filled("occurred_at"),
    one_of("event_type", "assigned", "unassigned", "handed_off", "closed", "reopened"),
)

MARTS = (FCT_CONVERSATIONS, BRIDGE_CONVERSATION_TAGS, FCT_CONVERSATION_EVENTS)
