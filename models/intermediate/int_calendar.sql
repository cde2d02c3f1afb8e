{% set local_minutes = 'cast(extract(minute from ' ~ to_local('hour_at', 'time_zone') ~ ') as integer)' %}

with

accounts as (

    select * from {{ ref('accounts') }}

),

files as (

    select * from {{ ref('stg_ingest__files') }}

),

working_hours as (

    select * from {{ ref('working_hours') }}

),

openings as (

    select * from {{ ref('int_working_hours') }}

),

account_ranges as (

    select
        accounts.account_id,
        accounts.time_zone,
        {{ dbt.date_trunc('hour', 'min(files.first_at)') }} as first_at,
        {{ dbt.dateadd('hour', 1, dbt.date_trunc('hour', 'max(files.last_at)')) }} as last_at
    from files
    inner join accounts
        on files.account_id = accounts.account_id
    where files.first_at is not null
    group by accounts.account_id, accounts.time_zone

),

hours as (

    select
        account_id,
        time_zone,
        {{ explode_hours('first_at', 'last_at') }} as hour_at
    from account_ranges

),

-- Between two boundaries the UTC hour, the local hour and the working state are constant.
boundaries as (

    select
        account_id,
        time_zone,
        hour_at as boundary_at
    from hours

    union distinct

    select
        account_id,
        time_zone,
        {{ dbt.dateadd('minute', '-' ~ local_minutes, 'hour_at') }} as boundary_at
    from hours

    union distinct

    select
        account_ranges.account_id,
        account_ranges.time_zone,
        openings.opens_at as boundary_at
    from openings
    inner join account_ranges
        on openings.account_id = account_ranges.account_id

    union distinct

    select
        account_ranges.account_id,
        account_ranges.time_zone,
        openings.closes_at as boundary_at
    from openings
    inner join account_ranges
        on openings.account_id = account_ranges.account_id

),

intervals as (

    select
        account_id,
        boundary_at as starts_at,
        coalesce(
            lead(boundary_at) over (
                partition by account_id
                order by boundary_at
            ),
            {{ dbt.dateadd('hour', 1, 'boundary_at') }}
        ) as ends_at,
        {{ to_local('boundary_at', 'time_zone') }} as local_time
    from boundaries

),

local_intervals as (

    select
        account_id,
        starts_at,
        ends_at,
        cast(local_time as date) as local_on,
        cast(extract(hour from local_time) as integer) as local_hour,
        {{ seconds_between('starts_at', 'ends_at') }} as seconds
    from intervals

),

open_intervals as (

    select distinct
        local_intervals.account_id,
        local_intervals.starts_at
    from local_intervals
    inner join openings
        on
            local_intervals.account_id = openings.account_id
            and local_intervals.local_on = openings.day_on
            and local_intervals.starts_at >= openings.opens_at
            and local_intervals.starts_at < openings.closes_at

),

-- Without working hours the working time is unknown, so it is null and not zero.
accounts_with_hours as (

    select distinct account_id
    from working_hours

),

intervals_with_state as (

    select
        local_intervals.*,
        case
            when accounts_with_hours.account_id is not null then open_intervals.account_id is not null
        end as is_working
    from local_intervals
    left join accounts_with_hours
        on local_intervals.account_id = accounts_with_hours.account_id
    left join open_intervals
        on
            local_intervals.account_id = open_intervals.account_id
            and local_intervals.starts_at = open_intervals.starts_at

),

intervals_with_total as (

    select
        *,
        sum(case when is_working then seconds else 0 end) over (
            partition by account_id
            order by starts_at
            rows between unbounded preceding and current row
        ) as working_seconds_after
    from intervals_with_state

),

final as (

    select
        account_id,
        local_hour,
        case
            when is_working then working_seconds_after - seconds
            when not is_working then working_seconds_after
        end as working_seconds_before,
        is_working,
        local_on,
        {{ dbt.date_trunc('hour', 'starts_at') }} as hour_at,
        starts_at,
        ends_at
    from intervals_with_total

)

select * from final
