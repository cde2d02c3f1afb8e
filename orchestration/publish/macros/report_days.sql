create or replace macro report_days(accounts := null) as table
select min(first_day) as first_day, max(last_day) as last_day
from reporting.rpt_coverage
where accounts is null or list_contains(accounts, account_id);

comment on macro table report_days is
    'The first and the last local day with any activity. One row.';
