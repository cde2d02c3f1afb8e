-- The model sums up the changes of each day, so that its cost does not depend on how long conversations stay open.
{{ config(materialized='table') }}

{% set ages = {'open': 0, 'open_over_1_day': 24, 'open_over_7_days': 168} %}

with

periods as (

    select * from {{ ref('rpt_open_periods') }}

),

agents as (

    select * from {{ ref('dim_agents') }}

),

accounts as (

    select * from {{ ref('dim_accounts') }}

),

data_through as (

    select * from {{ ref('int_data_through') }}

),

-- A period counts from the day at whose end it has reached the age until the day on which it ends.
local_periods as (

    select
        periods.account_id,
        periods.agent_id,
        {% for name, hours in ages.items() -%}
        cast({{ to_local(dbt.dateadd('hour', hours, 'periods.opened_at'), 'accounts.time_zone') }} as date)
            as {{ name }}_from,
        {% endfor -%}
        cast({{ to_local('periods.left_at', 'accounts.time_zone') }} as date) as left_on
    from periods
    inner join accounts
        on periods.account_id = accounts.account_id

),

changes as (

    {% for name in ages -%}
    select
        account_id,
        agent_id,
        {% for other in ages -%}
        {{ 1 if other == name else 0 }} as {{ other }},
        {% endfor -%}
        {{ name }}_from as changed_on
    from local_periods
    where
        left_on is null
        or left_on > {{ name }}_from

    union all

    select
        account_id,
        agent_id,
        {% for other in ages -%}
        {{ -1 if other == name else 0 }} as {{ other }},
        {% endfor -%}
        left_on as changed_on
    from local_periods
    where left_on > {{ name }}_from

    {% if not loop.last %}union all

    {% endif %}
    {%- endfor %}
),

changes_by_day as (

    select
        account_id,
        agent_id,
        {% for name in ages -%}
        sum({{ name }}) as {{ name }},
        {% endfor -%}
        changed_on
    from changes
    group by account_id, agent_id, changed_on

),

last_days as (

    select
        data_through.account_id,
        cast({{ to_local('data_through.data_through_at', 'accounts.time_zone') }} as date) as last_on
    from data_through
    inner join accounts
        on data_through.account_id = accounts.account_id

),

first_days as (

    select
        account_id,
        agent_id,
        min(changed_on) as first_on
    from changes_by_day
    group by account_id, agent_id

),

days as (

    select
        first_days.account_id,
        first_days.agent_id,
        calendar_days.day_on
    from first_days
    inner join last_days
        on first_days.account_id = last_days.account_id
    inner join {{ ref('int_days') }} as calendar_days
        on
            first_days.first_on <= calendar_days.day_on
            and last_days.last_on >= calendar_days.day_on

),

running_totals as (

    select
        days.account_id,
        days.agent_id,
        {% for name in ages -%}
        cast(
            sum(coalesce(changes_by_day.{{ name }}, 0)) over (
                partition by days.account_id, days.agent_id
                order by days.day_on
                rows between unbounded preceding and current row
            ) as bigint
        ) as {{ name }},
        {% endfor -%}
        days.day_on as report_date
    from days
    left join changes_by_day
        on
            days.account_id = changes_by_day.account_id
            and coalesce(days.agent_id, '') = coalesce(changes_by_day.agent_id, '')
            and days.day_on = changes_by_day.changed_on

),

final as (

    select
        running_totals.account_id,
        running_totals.agent_id,
        coalesce(agents.agent_name, 'Unassigned') as agent_name,
        {{ build_id() }} as build_id,
        {% for name in ages -%}
        running_totals.{{ name }},
        {% endfor -%}
        running_totals.report_date
    from running_totals
    left join agents
        on running_totals.agent_id = agents.agent_id
    where running_totals.open > 0

)

select * from final
