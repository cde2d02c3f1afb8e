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
        {% for measure in ['first_response', 'reply', 'resolution'] -%}
        max(case when measure = '{{ measure }}' then target_minutes end) as {{ measure }}_target_minutes,
        max(case when measure = '{{ measure }}' then clock end) as {{ measure }}_target_clock
            {%- if not loop.last %},
        {% endif %}
        {%- endfor %}
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
