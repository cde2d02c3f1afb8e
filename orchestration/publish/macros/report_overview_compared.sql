create or replace macro report_overview_compared(
    from_date, to_date, {{ optional_filters }}
) as table
with overviews as (
    select true as is_current, columns(*)::double
    from report_overview(from_date, to_date, {{ filters }})
    union all
    select false as is_current, columns(*)::double
    from report_overview(
        _previous_from(from_date, to_date), from_date::date - 1, {{ filters }}
    )
),
unpivoted_measures as (
    from overviews unpivot include nulls (amount for measure in (columns(* exclude (is_current))))
),
compared_measures as (
    select
        measure,
        any_value(amount) filter (where is_current) as value,
        any_value(amount) filter (where not is_current) as previous_value
    from unpivoted_measures
    group by measure
)
select
    measure,
    value,
    previous_value,
    value - previous_value as difference,
    value / nullif(previous_value, 0) - 1 as change
from compared_measures;

comment on macro table report_overview_compared is
    'Every measure of the overview as a double: its value, the value of the previous period, the difference and the relative '
    'change. One row per measure.';
