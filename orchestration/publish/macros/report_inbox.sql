create or replace macro report_inbox(
    from_date, to_date, {{ optional_filters }}
) as table
with labelled as (
    select *, started_on between from_date::date and (select _last_day(from_date, to_date)) as is_in_period
    from _selected_conversations({{ filters }})
)
select
    c.account_id,
    c.agent_id,
    coalesce(any_value(dim_agents.agent_name), c.agent_id, 'Unassigned') as agent_name,
    count(*) filter (where c.is_in_period) as conversations,
    count(*) filter (where not c.is_closed) as open,
    count(*) filter (where c.status = 'not_contacted') as not_contacted,
    count(*) filter (where c.status = 'in_flow') as in_flow,
    count(*) filter (where c.status = 'new') as new,
    count(*) filter (where c.status = 'in_progress') as in_progress,
    count(*) filter (where c.is_in_period and c.is_closed) as closed,
    count(*) filter (where c.waiting_since is not null) as waiting,
    min(c.waiting_since) as waiting_since
from labelled as c
left join dim_agents on c.agent_id = dim_agents.agent_id
where c.is_in_period or not c.is_closed
group by c.account_id, c.agent_id;

comment on macro table report_inbox is
    'What is in the inbox of each agent now, Unassigned included: the conversations that are not closed in this release, whenever '
    'they started, by status. conversations and closed count those that started in the period. One row per account and agent.';
