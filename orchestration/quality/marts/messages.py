"""What must be true of the messages, and of how fresh they are.

Belongs here: the promises of `fct_messages`. Does not: what conversations or reports make of them.
"""

from orchestration.quality.check import (
    Check,
    between,
    complete,
    few_rejected,
    filled,
    mart,
    no_file_refused,
    one_of,
    refers,
    warning,
)

DELIVERY_STATUSES = ("queued", "sent", "delivered", "read", "failed", "deleted", "received")
# Chatwoot exports private notes and log lines too, which no customer sees: they are no messages. Of WhatsApp
# Cloud a status too tells of a message, a notice is none, and the mart knows ids by their hash.
EXPORTED = """
    select _account_id as account_id, _account_id || ':' || id as id
    from read_parquet(
        getvariable('raw_path') || '/messages/*/*.parquet', union_by_name = true, filename = 'path'
    )
    where split_part(path, '/', -2) not in ('chatwoot', 'whatsapp_cloud')
    union all
    select
        _account_id as account_id,
        _account_id || ':' || sha256(key || sha256(key || _account_id || ':' || id)) as id
    from (
        select _account_id, id
        from read_parquet(getvariable('raw_path') || '/statuses/whatsapp_cloud/*.parquet')
        union
        select _account_id, id
        from read_parquet([
            getvariable('raw_path') || '/messages/whatsapp_cloud/*.parquet',
            getvariable('raw_path') || '/message_echoes/whatsapp_cloud/*.parquet'
        ], union_by_name = true)
        where coalesce(lower(type), '') not in ('system', 'request_welcome', 'edit', 'revoke')
    ),
    (select content as key from read_text(getvariable('hash_key_path')))
    union all
    select _account_id as account_id, _account_id || ':' || id as id
    from read_parquet(getvariable('raw_path') || '/messages/chatwoot/*.parquet')
    where coalesce(private, 'false') = 'false' and message_type not in ('2', 'activity')
"""

FCT_MESSAGES = mart(
    "fct_messages",
    ("message_id",),
    complete("fct_messages", "messages", "message_id", "int_replaced_messages", EXPORTED),
    few_rejected("messages", "message_echoes", "statuses"),
    no_file_refused("messages"),
    filled("message_id"),
    filled("account_id"),
    filled("sent_at"),
    filled("sent_on"),
    filled("direction"),
    one_of("direction", "inbound", "outbound"),
    one_of("delivery_status", *DELIVERY_STATUSES),
    between("sent_hour", 0, 23),
    Check(
        "agents_send_outbound",
        "an agent, a human or an automated message only where the direction is outbound",
        broken_where="direction = 'inbound' and (agent_id is not null or is_agent_message or is_automated)",
    ),
    Check(
        "delivery_status_fits_direction",
        "delivery_status received where the direction is inbound, and not where it is outbound",
        broken_where="""
            direction = 'inbound' and delivery_status is distinct from 'received'
            or direction = 'outbound' and delivery_status = 'received'
        """,
    ),
    Check(
        "delivery_status_fits_times",
        "an outbound message with a read_at is read, one with a delivered_at is delivered or read",
        broken_where="""
            direction = 'outbound' and (
                read_at is not null and delivery_status is distinct from 'read'
                or delivered_at is not null and coalesce(delivery_status not in ('delivered', 'read'), true)
            )
        """,
    ),
    Check(
        "conversations_count_their_messages",
        "for every account the messages of its conversations = the messages whose conversation is known",
        broken_keys="""
            select
                account_id || ': ' || coalesce(counted, 0) || ' instead of ' || coalesce(known, 0) as key
            from (
                select account_id, sum(messages) as counted from marts.fct_conversations group by account_id
            )
            full join (
                select account_id, count(*) as known
                from {batch} as rows
                where has_conversation
                group by account_id
            ) using (account_id)
            where coalesce(counted, 0) <> coalesce(known, 0)
        """,
        of_all=True,
    ),
    refers("agent_id", "dim_agents", "agent_id"),
    refers("contact_key", "dim_contacts", "contact_key"),
    warning(
        Check(
            "conversation_is_known",
            "every message belongs to a conversation that was exported",
            broken_where="not has_conversation",
        )
    ),
    warning(
        Check(
            "sent_at_is_not_in_the_future",
            "no message more than an hour ahead of now",
            broken_where="sent_at > timezone('UTC', now()) + interval 1 hour",
        )
    ),
    warning(
        Check(
            "data_is_fresh",
            "for every account the latest message at most {settings.stale_after_hours:g} hours old",
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
