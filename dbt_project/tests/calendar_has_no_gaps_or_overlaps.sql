-- The look-up of a local day finds exactly one row for each instant.
with

followed as (

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
from followed
where
    ends_at <= starts_at
    or ends_at <> next_starts_at
