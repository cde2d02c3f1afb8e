create or replace macro report_timeline(conversation, accounts := null) as table
with chosen as (
    select c.*, account.time_zone
    from fct_conversations as c
    inner join dim_accounts as account on c.account_id = account.account_id
    where c.conversation_id = conversation and (accounts is null or list_contains(accounts, c.account_id))
),
written as (
    select
        m.*,
        row_number() over (order by m.sent_at, length(m.source_message_id), m.source_message_id) as place
    from fct_messages as m
    where m.conversation_id = conversation
),
turns as (
    from fct_customer_turns
    where conversation_id = conversation
),
-- A message belongs to the turn that began last before it, its answer included.
placed as (
    select
        w.*,
        (
            select max(t.turn_number) from turns as t
            where t.asked_at <= w.sent_at and (t.ended_at is null or w.sent_at <= t.ended_at)
        ) as turn
    from written as w
),
answers as (
    select min(p.place) as place, t.wait_seconds
    from turns as t
    inner join placed as p
        on p.is_agent_message and p.sent_at = t.ended_at and p.agent_id = t.answered_by_agent_id and p.turn = t.turn_number
    where t.outcome = 'answered'
    group by t.turn_number, t.wait_seconds
),
changes as (
    select event_type, agent_id, occurred_at as happened_at from fct_conversation_events
    where conversation_id = conversation
),
events as (
    select 1 as rank, 'started' as event, started_at as happened_at from chosen
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
        place,
        agent_id,
        message_type,
        delivery_status,
        turn,
        wait_seconds
    from placed
    left join answers using (place)
    union all by name
    select 3 as rank, replace(event_type, '_', ' ') as event, agent_id, happened_at from changes
    union all by name
    -- Not every platform exports a close as an event.
    select 3 as rank, 'closed' as event, closed_at as happened_at from chosen
    where not exists (select 1 from changes where event_type = 'closed')
    union all by name
    select 4 as rank, 'survey sent' as event, survey_sent_at as happened_at from chosen
    union all by name
    select 5 as rank, 'survey answered' as event, survey_responded_at as happened_at, csat_rating from chosen
)
select
    chosen.conversation_id,
    chosen.account_id,
    chosen.time_zone,
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
cross join chosen
left join dim_agents on events.agent_id = dim_agents.agent_id
where events.happened_at is not null
order by events.happened_at, events.rank, events.place;

comment on macro table report_timeline is
    'What is known to have occurred in a conversation, in order: the event, its agent, which turn of the customer it '
    'belongs to, and how long the customer waited for an answer. No rows if the accounts do not have the '
    'conversation. One row per event.';
