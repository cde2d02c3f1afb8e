create or replace macro report_by_agent(
    from_date, to_date, {{ optional_filters }}
) as table
select
    measured.account_id,
    nullif(measured.group_id, 'Unassigned') as agent_id,
    coalesce(dim_agents.agent_name, measured.group_id) as agent_name,
    measured.* exclude (period_start, account_id, group_id)
from _measured(
    from_date, to_date, {{ filters }}, null, 'agent'
) as measured
left join dim_agents on measured.group_id = dim_agents.agent_id;

comment on macro table report_by_agent is
    'The figures of each agent, Unassigned (agent_id null) included; the rows sum to the overview. Outbound messages count for '
    'the agent who sent them, first responses and replies for the agent who gave them, surveys and ratings for the rated agent, '
    'everything else for the agent of the conversation. With a filter on agents, other agents who wrote in the selected '
    'conversations also have rows. One row per account and agent.';
