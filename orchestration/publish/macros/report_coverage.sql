-- Figures count a day on which nothing is known as a day without activity. Callers that compare or average days ask here which
-- days an account has data of.
create or replace macro report_coverage(accounts := null) as table
with days as (
    select
        account_id,
        min(report_date) as first_day,
        max(report_date) filter (where messages > 0) as through_day,
        max(report_date) as last_day
    from agg_overview
    where accounts is null or list_contains(accounts, account_id)
    group by account_id
),
latest as (
    select m.account_id, max(m.sent_at) as data_through
    from fct_messages as m
    inner join days on m.account_id = days.account_id and m.sent_on = days.through_day
    group by m.account_id
)
select days.account_id, days.first_day, days.through_day, days.last_day, latest.data_through
from days
left join latest on days.account_id = latest.account_id;

comment on macro table report_coverage is
    'The local days that the accounts have data of: the first day with any activity, the day of the latest message, the last day '
    'with any activity, and the latest message (UTC). Closes and answers to surveys can be later than the latest message. '
    'One row per account with any activity.';
