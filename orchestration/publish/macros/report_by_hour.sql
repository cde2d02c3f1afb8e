create or replace macro report_by_hour(
    from_date, to_date, {{ optional_filters }}
) as table
with selected as (
    from _selected_conversations({{ filters }})
),
activity as (
    select account_id, started_on as day, started_hour as hour, true as is_conversation
    from selected
    where started_on between from_date::date and (select _last_day(from_date, to_date))
    union all by name
    select
        m.account_id,
        m.sent_on as day,
        m.sent_hour as hour,
        m.direction = 'inbound' as is_inbound,
        m.is_agent_message
    from fct_messages as m
    -- Leaves conversations that ended before the period out of the join.
    left join (
        from selected
        where last_message_at >= from_date::date - interval 1 day
            and not _is_unfiltered({{ conversation_filters }})
    ) as selected
        on m.conversation_id = selected.conversation_id
    where m.sent_on between from_date::date and to_date::date
        and (accounts is null or list_contains(accounts, m.account_id))
        and (
            selected.conversation_id is not null
            or _is_unfiltered({{ conversation_filters }})
        )
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
