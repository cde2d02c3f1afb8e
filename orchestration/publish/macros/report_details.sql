-- The details in no order, for callers that sort themselves: a sort of whole conversations costs more than all else.
create or replace macro _details(
    from_date, to_date, accounts := null, agents := null, origins := null, conversation_tags := null,
    contact_tags := null, working_hours := null
) as table
select
    c.conversation_id,
    c.account_id,
    c.contact_key,
    c.origin,
    c.status,
    account.time_zone,
    c.agent_id,
    coalesce(agent.agent_name, c.agent_id, 'Unassigned') as agent_name,
    coalesce(responder.agent_name, c.first_response_agent_id) as first_response_agent_name,
    c.tags as conversation_tags,
    c.contact_tags,
    c.is_in_working_hours,
    c.is_one_touch,
    c.is_automation_only,
    c.messages,
    c.inbound_messages,
    c.agent_messages,
    c.automated_messages,
    c.reopens,
    c.windows_missed,
    c.turns_answered,
    c.turns_unanswered,
    c.first_response_seconds,
    c.first_response_working_seconds,
    c.wait_sum_seconds,
    c.wait_max_seconds,
    c.wait_working_sum_seconds,
    c.duration_seconds,
    c.duration_working_seconds,
    c.csat_rating,
    c.started_on,
    c.started_hour,
    c.started_at,
    c.closed_at,
    c.last_message_at
from _selected_conversations(accounts, agents, origins, conversation_tags, contact_tags, working_hours) as c
inner join dim_accounts as account on c.account_id = account.account_id
left join dim_agents as agent on c.agent_id = agent.agent_id
left join dim_agents as responder on c.first_response_agent_id = responder.agent_id
where c.started_on between from_date::date and to_date::date;

create or replace macro report_details(
    from_date, to_date, accounts := null, agents := null, origins := null, conversation_tags := null,
    contact_tags := null, working_hours := null
) as table
from _details(from_date, to_date, accounts, agents, origins, conversation_tags, contact_tags, working_hours)
order by started_at desc, conversation_id;

comment on macro table report_details is
    'The conversations that started in the period, the latest first. Instants are UTC; local_time(started_at, '
    'time_zone) is the clock of the account. One row per conversation.';
