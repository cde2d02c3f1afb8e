{{ config(materialized='table') }}

with

accounts as (

    select * from {{ ref('accounts') }}

),

scales as (

    select * from {{ ref('csat_scales') }}

),

final as (

    select
        accounts.account_id,
        accounts.platform,
        accounts.time_zone,
        coalesce(scales.satisfied_from, 4) as csat_satisfied_from,
        coalesce(scales.dissatisfied_to, 2) as csat_dissatisfied_to
    from accounts
    left join scales
        on accounts.platform = scales.platform

)

select * from final
