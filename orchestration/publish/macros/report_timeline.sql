create or replace macro report_timeline(conversation, accounts := null) as table
with selected as (
    select c.*, account.time_zone
    from fct_conversations as c
    inner join dim_accounts as account on c.account_id = account.account_id
    where c.conversation_id = conversation and (accounts is null or list_contains(accounts, c.account_id))
),
messages as (
    select
        m.*,
        row_number() over (order by m.sent_at, length(m.source_message_id), m.source_message_id) as message_number
    from fct_messages as m
    where m.conversation_id = conversation
),
turns as (
    from fct_customer_turns
    where conversation_id = conversation
),
-- A message belongs to the latest turn that began before it. The answer belongs to its turn.
messages_with_turn as (
    select
        m.*,
        (
            select max(t.turn_number) from turns as t
            where t.asked_at <= m.sent_at and (t.ended_at is null or m.sent_at <= t.ended_at)
        ) as turn
    from messages as m
),
answers as (
    select min(m.message_number) as message_number, t.wait_seconds
    from turns as t
    inner join messages_with_turn as m
        on m.is_agent_message and m.sent_at = t.ended_at and m.agent_id = t.answered_by_agent_id and m.turn = t.turn_number
    where t.outcome = 'answered'
    group by t.turn_number, t.wait_seconds
),
changes as (
    select event_type, agent_id, occurred_at as happened_at from fct_conversation_events
    where conversation_id = conversation
),
events as (
    select 1 as rank, 'started' as event, started_at as happened_at from selected
    union all by name
    select
        2 as rank,
        case
            when direction = 'inbound' then 'inbound'
            when is_agent_message then 'agent'
            when is_automated then 'automated'
            else 'outbound'
        end as event,
        sent_at as happened_at,
        message_number,
        agent_id,
        message_type,
        delivery_status,
        turn,
        wait_seconds
    from messages_with_turn
    left join answers using (message_number)
    union all by name
    select 3 as rank, replace(event_type, '_', ' ') as event, agent_id, happened_at from changes
    union all by name
    -- Not every platform exports closes as events.
    select 3 as rank, 'closed' as event, closed_at as happened_at from selected
    where not exists (select 1 from changes where event_type = 'closed')
    union all by name
    select 4 as rank, 'survey sent' as event, survey_sent_at as happened_at from selected
    union all by name
    select 5 as rank, 'survey answered' as event, survey_responded_at as happened_at, csat_rating from selected
)
select
    selected.conversation_id,
    selected.account_id,
    selected.time_zone,
    events.event,
    events.agent_id,
    coalesce(dim_agents.agent_name, events.agent_id) as agent_name,
    events.message_type,
    events.delivery_status,
    events.turn,
    events.wait_seconds,
    events.csat_rating,
    events.happened_at
from events
cross join selected
left join dim_agents on events.agent_id = dim_agents.agent_id
where events.happened_at is not null
order by events.happened_at, events.rank, events.message_number;

comment on macro table report_timeline is
    'The known events of a conversation, in order: the event, its agent, the customer turn that it belongs to, and how '
    'long the customer waited for an answer. No rows if the conversation belongs to none of the accounts. One row per event.';
