create or replace macro report_by_hour(
    from_date, to_date, {{ optional_filters }}
) as table
with period as materialized (
    from _period(from_date, to_date, {{ filters }})
),
messages as not materialized (
    from fct_messages
    where sent_on between from_date::date and to_date::date
        and (accounts is null or list_contains(accounts, account_id))
),
activity as (
    select account_id, started_on as day, started_hour as hour, true as is_conversation
    from _started(from_date, (select last_day from period), {{ filters }})
    union all by name
    select account_id, sent_on as day, sent_hour as hour, direction = 'inbound' as is_inbound, is_agent_message
    from messages
    where _is_unfiltered({{ conversation_filters }})
    union all by name
    select
        m.account_id,
        m.sent_on as day,
        m.sent_hour as hour,
        m.direction = 'inbound' as is_inbound,
        m.is_agent_message
    from messages as m
    -- Excludes conversations that ended before the period.
    inner join (
        from _selected_conversations({{ filters }})
        where last_message_at >= from_date::date - interval 1 day
    ) as selected
        on m.conversation_id = selected.conversation_id
    where not _is_unfiltered({{ conversation_filters }})
)
select
    account_id,
    isodow(day)::integer as iso_weekday,
    hour,
    count(*) filter (where is_conversation) as conversations,
    count(*) filter (where is_inbound) as inbound_messages,
    count(*) filter (where is_agent_message) as agent_messages
from activity
group by all;

comment on macro table report_by_hour is
    'Conversations and messages by weekday (1 = Monday) and local hour. One row per account, weekday and '
    'hour.';
