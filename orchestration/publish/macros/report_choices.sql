create or replace macro report_choices(accounts := null) as table
with combinations as materialized (
    select distinct agent_id, origin, channel_id, team_id, tags, contact_tags
    from _selected_conversations(accounts, null, null, null, null, null, null, null)
),
choices as (
    select 'accounts' as filter, account_id as value, null as label
    from dim_accounts
    where accounts is null or list_contains(accounts, account_id)
    union
    select 'agents', coalesce(c.agent_id, 'Unassigned'), dim_agents.agent_name
    from combinations as c
    left join dim_agents on c.agent_id = dim_agents.agent_id
    union
    select 'origins', origin, null from combinations
    union
    select 'channels', channel_id, null from combinations where channel_id is not null
    union
    select 'teams', team_id, null from combinations where team_id is not null
    union
    select 'conversation_tags', unnest(tags), null from combinations
    union
    select 'contact_tags', unnest(contact_tags), null from combinations
)
select filter, value, coalesce(label, value) as label
from choices
order by filter, label, value;

comment on macro table report_choices is
    'The possible values of each filter, with the label to show. One row per filter and value.';
