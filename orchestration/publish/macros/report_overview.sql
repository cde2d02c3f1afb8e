create or replace macro report_overview(
    from_date, to_date, {{ optional_filters }}
) as table
select * exclude (period_start, account_id, group_id)
from _measured(
    from_date, to_date, {{ filters }}, null, 'total'
);

comment on macro table report_overview is
    'The headline figures of the period. One row.';
