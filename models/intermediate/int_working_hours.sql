with

accounts as (

    select * from {{ ref('accounts') }}

),

files as (

    select * from {{ ref('stg_ingest__files') }}

),

working_hours as (

    select
        account_id,
        iso_weekday,
        lpad(opens_at, 5, '0') as opens_at,
        case when closes_at = '24:00' then '00:00' else lpad(closes_at, 5, '0') end as closes_at
    from {{ ref('working_hours') }}

),

holidays as (

    select distinct
        account_id,
        holiday_on
    from {{ ref('holidays') }}

),

-- One more day on either side, because local days start before and end after those in UTC.
bounds as (

    select
        account_id,
        {{ dbt.dateadd('day', -2, dbt.date_trunc('day', 'min(first_at)')) }} as first_at,
        {{ dbt.dateadd('day', 2, dbt.date_trunc('day', 'max(last_at)')) }} as last_at
    from files
    where first_at is not null
    group by account_id

),

hours as (

    select
        account_id,
        {{ explode_hours('first_at', 'last_at') }} as hour_at
    from bounds

),

days as (

    select distinct
        account_id,
        cast(hour_at as date) as day_on
    from hours

),

openings as (

    select
        days.account_id,
        days.day_on,
        cast({{ dbt.dateadd('day', 1, 'days.day_on') }} as date) as next_day_on,
        working_hours.opens_at,
        working_hours.closes_at,
        working_hours.closes_at <= working_hours.opens_at as is_past_midnight
    from days
    inner join working_hours
        on
            days.account_id = working_hours.account_id
            and {{ iso_weekday('days.day_on') }} = working_hours.iso_weekday

),

-- Hours past midnight are two openings, so that each is within one local day.
local_openings as (

    select
        account_id,
        day_on,
        cast(day_on as {{ dbt.type_string() }}) || ' ' || opens_at as opens_at,
        case
            when is_past_midnight then cast(next_day_on as {{ dbt.type_string() }}) || ' 00:00'
            else cast(day_on as {{ dbt.type_string() }}) || ' ' || closes_at
        end as closes_at
    from openings

    union all

    select
        account_id,
        next_day_on as day_on,
        cast(next_day_on as {{ dbt.type_string() }}) || ' 00:00' as opens_at,
        cast(next_day_on as {{ dbt.type_string() }}) || ' ' || closes_at as closes_at
    from openings
    where
        is_past_midnight
        and closes_at > '00:00'

),

final as (

    select
        local_openings.account_id,
        local_openings.day_on,
        {{ to_utc("cast(local_openings.opens_at || ':00' as timestamp)", 'accounts.time_zone') }} as opens_at,
        {{ to_utc("cast(local_openings.closes_at || ':00' as timestamp)", 'accounts.time_zone') }} as closes_at
    from local_openings
    inner join accounts
        on local_openings.account_id = accounts.account_id
    left join holidays
        on
            local_openings.account_id = holidays.account_id
            and local_openings.day_on = holidays.holiday_on
    where holidays.account_id is null

)

select * from final
