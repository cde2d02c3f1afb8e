create or replace macro report_by_tag_compared(
    from_date, to_date, {{ optional_filters }}
) as table
with period as materialized (
    from _period(from_date, to_date, {{ filters }})
),
tagged as (
    select account_id, started_on >= from_date::date as is_current, unnest(tags) as tag
    from _started(
        _previous_from(from_date, to_date), (select last_day from period), {{ filters }}
    )
),
counts as (
    select
        account_id,
        tag,
        count(*) filter (where is_current) as conversations,
        count(*) filter (where not is_current) as previous_conversations
    from tagged
    group by account_id, tag
)
select
    *,
    conversations - previous_conversations as difference,
    conversations / nullif(previous_conversations, 0) - 1 as change
from counts;

comment on macro table report_by_tag_compared is
    'The conversations of each tag in the period and in the previous period, the difference and the relative change. '
    'One row per account and tag.';
