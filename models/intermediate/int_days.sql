with

calendar as (

    select * from {{ ref('int_calendar') }}

),

final as (

    select distinct local_on as day_on
    from calendar

)

select * from final
