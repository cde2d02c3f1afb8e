-- A lookup of a local day would lose an instant in a gap, and would count an instant in an overlap twice.
with

intervals_with_next as (

    select
        account_id,
        starts_at,
        ends_at,
        lead(starts_at) over (
            partition by account_id
            order by starts_at
        ) as next_starts_at
    from {{ ref('int_calendar') }}

)

select *
from intervals_with_next
where
    ends_at <= starts_at
    or ends_at <> next_starts_at
