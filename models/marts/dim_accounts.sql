{{ config(materialized='table') }}

with

accounts as (

    select * from {{ ref('accounts') }}

),

scales as (

    select * from {{ ref('csat_scales') }}

),

targets as (

    select
        account_id,
        max(case when measure = 'first_response' then target_minutes end) as first_response_target_minutes,
        max(case when measure = 'first_response' then clock end) as first_response_target_clock,
        max(case when measure = 'reply' then target_minutes end) as reply_target_minutes,
        max(case when measure = 'reply' then clock end) as reply_target_clock,
        max(case when measure = 'resolution' then target_minutes end) as resolution_target_minutes,
        max(case when measure = 'resolution' then clock end) as resolution_target_clock
    from {{ ref('sla_targets') }}
    group by account_id

),

final as (

    select
        accounts.account_id,
        accounts.platform,
        accounts.time_zone,
        targets.first_response_target_clock,
        targets.reply_target_clock,
        targets.resolution_target_clock,
        coalesce(scales.satisfied_from, 4) as csat_satisfied_from,
        coalesce(scales.dissatisfied_to, 2) as csat_dissatisfied_to,
        targets.first_response_target_minutes,
        targets.reply_target_minutes,
        targets.resolution_target_minutes
    from accounts
    left join scales
        on accounts.platform = scales.platform
    left join targets
        on accounts.account_id = targets.account_id

)

select * from final
