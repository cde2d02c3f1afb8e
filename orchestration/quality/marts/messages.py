"""Checks of the messages, and of the age of the data.

Belongs here: `fct_messages`. Does not: conversations and daily aggregates.
"""

from orchestration.quality.check import Check
from orchestration.quality.conditions import (
    accepted_values,
    between,
    incremental_mart,
    matches_raw_files,
    no_file_is_rejected,
    not_null,
    references,
    rejection_rate,
    warning,
)

DELIVERY_STATUSES = ("queued", "sent", "delivered", "read", "failed", "deleted", "received")
MESSAGE_FIELDS = "coalesce(lower(change_field), 'messages') in ('messages', 'smb_message_echoes', 'history')"
# Staging leaves out records that are no messages: private notes and activity lines of Chatwoot; reactions,
# notices, groups, calls and payments of WhatsApp Cloud. A message of WhatsApp Cloud may be known by its
# status only, and the mart has the hash of its id.
EXPORTED = f"""
    select _account_id || ':' || id as id, _batch_id as batch_id
    from read_parquet(getvariable('raw_path') || '/messages/activecampaign/*.parquet', union_by_name = true)
    where coalesce(lower(msg_type), '') not in ('reaction', 'edit', 'revoke', 'system', 'note', 'call')
    union all
    select _account_id || ':' || id as id, _batch_id as batch_id
    from read_parquet(getvariable('raw_path') || '/messages/chatwoot/*.parquet')
    where coalesce(private, 'false') = 'false' and message_type not in ('2', 'activity')
    union all
    select
        _account_id || ':' || sha256(key || sha256(key || _account_id || ':' || id)) as id,
        _batch_id as batch_id
    from (
        select _account_id, _batch_id, id
        from read_parquet(getvariable('raw_path') || '/statuses/whatsapp_cloud/*.parquet')
        where {MESSAGE_FIELDS} and coalesce(lower(recipient_type), '') <> 'group'
            and coalesce(lower(type), 'message') = 'message'
        union
        select _account_id, _batch_id, id
        from read_parquet([
            getvariable('raw_path') || '/messages/whatsapp_cloud/*.parquet',
            getvariable('raw_path') || '/message_echoes/whatsapp_cloud/*.parquet'
        ], union_by_name = true)
        where {MESSAGE_FIELDS} and group_id is null
            and coalesce(lower(type), '') not in ('reaction', 'system', 'request_welcome', 'edit', 'revoke')
    ),
    (select content as key from read_text(getvariable('hash_key_path')))
"""

FCT_MESSAGES = incremental_mart(
    "fct_messages",
    ("message_id",),
    matches_raw_files("messages", "message_id", EXPORTED),
    rejection_rate("messages", "message_echoes", "statuses"),
    no_file_is_rejected("messages"),
    not_null("message_id"),
    not_null("account_id"),
    not_null("sent_at"),
    not_null("sent_on"),
    not_null("direction"),
    accepted_values("direction", "inbound", "outbound"),
    accepted_values("delivery_status", *DELIVERY_STATUSES),
    between("sent_hour", 0, 23),
    Check(
        "agent_messages_are_outbound",
        "agent_id, is_agent_message and is_automated only if the direction is outbound",
        broken_where="direction = 'inbound' and (agent_id is not null or is_agent_message or is_automated)",
    ),
    Check(
        "delivery_status_matches_direction",
        "delivery_status is received if and only if the direction is inbound",
        broken_where="""
            direction = 'inbound' and delivery_status is distinct from 'received'
            or direction = 'outbound' and delivery_status = 'received'
        """,
    ),
    Check(
        "delivery_status_matches_times",
        "an outbound message with a read_at is read, one with a delivered_at is delivered or read",
        broken_where="""
            direction = 'outbound' and (
                read_at is not null and delivery_status is distinct from 'read'
                or delivered_at is not null and coalesce(delivery_status not in ('delivered', 'read'), true)
            )
        """,
    ),
    Check(
        "message_counts_match_conversations",
        "for every account, the messages of conversations equal the messages with a known conversation",
        broken_keys="""
            select
                account_id || ': ' || coalesce(counted, 0) || ' instead of ' || coalesce(known, 0) as key
            from (
                select account_id, sum(messages) as counted from fct_conversations group by account_id
            )
            full join (
                select account_id, count(*) as known
                from {batch} as rows
                where has_conversation
                group by account_id
            ) using (account_id)
            where coalesce(counted, 0) <> coalesce(known, 0)
        """,
    ),
    references("account_id", "dim_accounts", "account_id"),
    references("agent_id", "dim_agents", "agent_id"),
    references("contact_key", "dim_contacts", "contact_key"),
    warning(
        Check(
            "conversation_is_known",
            "every message belongs to an exported conversation",
            broken_where="not has_conversation",
        )
    ),
    warning(
        Check(
            "delivery_status_code_is_mapped",
            "every status of WhatsApp Cloud is in the seed delivery_statuses",
            broken_keys="""
                select message_id as key
                from {batch} as rows
                join dim_accounts using (account_id)
                where platform = 'whatsapp_cloud' and source = 'api' and delivery_status is null
            """,
        )
    ),
    warning(
        Check(
            "sent_at_is_not_in_the_future",
            "no sent_at more than an hour in the future",
            broken_where="sent_at > timezone('UTC', now()) + interval 1 hour",
        )
    ),
    warning(
        Check(
            "data_is_fresh",
            "for every account, the latest message is at most {settings.stale_after_hours:g} hours old",
            broken_keys="""
                select account_id || ': data through ' || coalesce(data_through || ' UTC', 'never') as key
                from (
                    select
                        account_id,
                        max(sent_at) filter (where sent_at <= timezone('UTC', now())) as data_through
                    from {batch}
                    where account_id is not null
                    group by account_id
                )
                where data_through is null
                    or epoch(timezone('UTC', now()) - data_through) > 3600 * getvariable('stale_after_hours')
            """,
        )
    ),
)

MARTS = (FCT_MESSAGES,)
