create or replace macro report_overview(
    from_date, to_date, accounts := null, agents := null, origins := null, conversation_tags := null,
    contact_tags := null, working_hours := null
) as table
select * exclude (period_start, account_id, group_id)
from _measured(
    from_date, to_date, accounts, agents, origins, conversation_tags, contact_tags, working_hours, null, 'total'
);

comment on macro table report_overview is
    'The headline figures of the period. One row.';
