-- Figures count a day on which nothing is known as a day without activity. Callers that compare or average days ask here which
-- days an account has data of.
create or replace macro report_coverage(accounts := null) as table
select account_id, first_day, through_day, last_day, data_through
from reporting.rpt_coverage
where accounts is null or list_contains(accounts, account_id);

comment on macro table report_coverage is
    'The local days that the accounts have data of: the first day with any activity, the day of the latest message, the last day '
    'with any activity, and the latest message (UTC). Closes and answers to surveys can be later than the latest message. '
    'One row per account with any activity.';
