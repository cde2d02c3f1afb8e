-- Ages are measured at the account's latest message, not at the time of the query: what has occurred since then is not known.
create or replace macro report_open({{ optional_filters }}) as table
with open_periods as (
    select conversation_id, max(opened_at) as opened_at
    from reporting.rpt_open_periods as p
    where p.left_at is null and _are_known({{ filters }}) and _is_selected(p, {{ filters }})
    group by conversation_id
)
select
    c.conversation_id,
    c.account_id,
    c.channel_id,
    c.team_id,
    c.origin,
    c.status,
    account.time_zone,
    c.agent_id,
    coalesce(agent.agent_name, c.agent_id, 'Unassigned') as agent_name,
    _tags(c.conversation_tags) as conversation_tags,
    c.status = 'in_flow' as is_in_flow,
    c.waiting_since is not null as is_waiting,
    greatest(date_diff('second', p.opened_at, coverage.data_through), 0) as open_seconds,
    case
        when c.waiting_since is not null then greatest(date_diff('second', c.waiting_since, coverage.data_through), 0)
    end as waiting_seconds,
    c.started_on,
    p.opened_at,
    c.waiting_since,
    coverage.data_through
from open_periods as p
inner join fct_conversations as c on p.conversation_id = c.conversation_id
inner join dim_accounts as account on c.account_id = account.account_id
inner join report_coverage(accounts) as coverage on c.account_id = coverage.account_id
left join dim_agents as agent on c.agent_id = agent.agent_id
-- Excludes most conversations before the join: no open period belongs to a closed one.
where not c.is_closed;

comment on macro table report_open is
    'The backlog of now: the conversations in which the customer wrote and that are open in this release, whenever they started. '
    'is_in_flow: a bot still handles it. open_seconds and waiting_seconds run to the account''s latest message (data_through). '
    'Instants are UTC. One row per conversation.';
