create or replace macro report_by_tag(
    from_date, to_date, accounts := null, agents := null, origins := null, conversation_tags := null,
    contact_tags := null, working_hours := null
) as table
select account_id, group_id as tag, * exclude (period_start, account_id, group_id)
from _measured(
    from_date, to_date, accounts, agents, origins, conversation_tags, contact_tags, working_hours, null, 'tag'
);

comment on macro table report_by_tag is
    'The figures of each conversation tag, Untagged included. A conversation with two tags counts in both rows, so '
    'the rows do not sum to the overview; messages of unknown conversations are in none. One row per account and tag.';
