create or replace macro report_by_tag(
    from_date, to_date, {{ optional_filters }}
) as table
select account_id, group_id as tag, * exclude (period_start, account_id, group_id)
from _measured(
    from_date, to_date, {{ filters }}, null, 'tag'
);

comment on macro table report_by_tag is
    'The figures of each conversation tag, Untagged included. A conversation with two tags counts in both rows, so '
    'the rows do not sum to the overview; messages of unknown conversations are not included. One row per account and tag.';
