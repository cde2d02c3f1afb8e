create or replace macro report_overview_by_day(
    from_date, to_date, {{ optional_filters }}
) as table
select account_id, period_start as report_date, group_id as origin, * exclude (period_start, account_id, group_id)
from _measured(
    from_date, to_date, {{ filters }}, 'day',
    'account and origin'
);

comment on macro table report_overview_by_day is
    'The figures of the overview by account, local day and origin. One row per account, day and origin with any '
    'activity.';
