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

bounds as (

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
    from bounds

),

-- Between two cuts nothing changes: not the hour of UTC, not the local one, not whether it is working time.
cuts as (

    select
        account_id,
        time_zone,
        hour_at as cut_at
    from hours

    union distinct

    select
        account_id,
        time_zone,
        {{ dbt.dateadd('minute', '-' ~ local_minutes, 'hour_at') }} as cut_at
    from hours

    union distinct

    select
        bounds.account_id,
        bounds.time_zone,
        openings.opens_at as cut_at
    from openings
    inner join bounds
        on openings.account_id = bounds.account_id

    union distinct

    select
        bounds.account_id,
        bounds.time_zone,
        openings.closes_at as cut_at
    from openings
    inner join bounds
        on openings.account_id = bounds.account_id

),

stretches as (

    select
        account_id,
        cut_at as starts_at,
        coalesce(
            lead(cut_at) over (
                partition by account_id
                order by cut_at
            ),
            {{ dbt.dateadd('hour', 1, 'cut_at') }}
        ) as ends_at,
        {{ to_local('cut_at', 'time_zone') }} as local_time
    from cuts

),

local_stretches as (

    select
        account_id,
        starts_at,
        ends_at,
        cast(local_time as date) as local_on,
        cast(extract(hour from local_time) as integer) as local_hour,
        {{ seconds_between('starts_at', 'ends_at') }} as seconds
    from stretches

),

open_stretches as (

    select distinct
        local_stretches.account_id,
        local_stretches.starts_at
    from local_stretches
    inner join openings
        on
            local_stretches.account_id = openings.account_id
            and local_stretches.local_on = openings.day_on
            and local_stretches.starts_at >= openings.opens_at
            and local_stretches.starts_at < openings.closes_at

),

-- Where no hours are set there is no working time: unknown, which is not the same as none.
accounts_with_hours as (

    select distinct account_id
    from working_hours

),

marked as (

    select
        local_stretches.*,
        case
            when accounts_with_hours.account_id is not null then open_stretches.account_id is not null
        end as is_working
    from local_stretches
    left join accounts_with_hours
        on local_stretches.account_id = accounts_with_hours.account_id
    left join open_stretches
        on
            local_stretches.account_id = open_stretches.account_id
            and local_stretches.starts_at = open_stretches.starts_at

),

summed as (

    select
        *,
        sum(case when is_working then seconds else 0 end) over (
            partition by account_id
            order by starts_at
            rows between unbounded preceding and current row
        ) as working_seconds_after
    from marked

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
    from summed

)

select * from final
