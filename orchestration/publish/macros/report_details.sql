-- The details without an order, for callers that sort them. Sorting whole conversations is the slowest part of the report.
create or replace macro _details(
    from_date, to_date, {{ optional_filters }}
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
    c.channel_id,
    c.team_id,
    c.handled_by,
    c.is_in_working_hours,
    c.is_one_touch,
    c.is_automation_only,
    c.is_repeat,
    c.contact_conversation_number,
    c.days_since_previous,
    c.messages,
    c.inbound_messages,
    c.outbound_messages,
    c.agent_messages,
    c.automated_messages,
    c.reopens,
    c.assignments,
    c.agents_assigned,
    c.windows_expired,
    c.turns_answered,
    c.turns_closed,
    c.turns_waiting,
    c.first_response_seconds,
    c.first_response_working_seconds,
    c.is_first_response_within_target,
    c.total_wait_seconds,
    c.max_wait_seconds,
    c.total_wait_working_seconds,
    c.duration_seconds,
    c.duration_working_seconds,
    c.is_duration_within_target,
    c.csat_rating,
    c.csat_agent_id,
    c.started_on,
    c.closed_on,
    c.started_hour,
    c.started_at,
    c.waiting_since,
    c.handed_off_at,
    c.closed_at,
    c.last_message_at
from _selected_conversations({{ filters }}) as c
inner join dim_accounts as account on c.account_id = account.account_id
left join dim_agents as agent on c.agent_id = agent.agent_id
left join dim_agents as responder on c.first_response_agent_id = responder.agent_id
where c.started_on between from_date::date and (select _last_day(from_date, to_date));
comment on macro table _details is 'Internal: report_details without an order.';

create or replace macro report_details(
    from_date, to_date, {{ optional_filters }}
) as table
from _details(from_date, to_date, {{ filters }})
order by started_at desc, conversation_id;

comment on macro table report_details is
    'The conversations that started in the period, the latest first. Times are UTC; local_time(started_at, time_zone) '
    'is the local time of the account. One row per conversation.';
