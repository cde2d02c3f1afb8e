create or replace macro report_days(accounts := null) as table
select min(report_date) as first_day, max(report_date) as last_day
from agg_overview
where accounts is null or list_contains(accounts, account_id);

comment on macro table report_days is
    'The first and the last local day with any activity. One row.';
