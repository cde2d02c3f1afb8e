-- The changes of each day are added up, so that the cost does not depend on how long conversations stay open.
{{ config(materialized='table') }}

{% set ages = {'open': 0, 'open_over_1_day': 24, 'open_over_7_days': 168} %}

with

periods as (

    select * from {{ ref('rpt_open_periods') }}

),

conversations as (

    select
        conversation_id,
        agent_id
    from {{ ref('fct_conversations') }}

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

-- A period counts from the day on which it has reached an age by midnight, until the day on which it ends.
local_periods as (

    select
        periods.account_id,
        conversations.agent_id,
        {% for name, hours in ages.items() -%}
        cast({{ to_local(dbt.dateadd('hour', hours, 'periods.opened_at'), 'accounts.time_zone') }} as date)
            as {{ name }}_from,
        {% endfor -%}
        cast({{ to_local('periods.left_at', 'accounts.time_zone') }} as date) as left_on
    from periods
    inner join conversations
        on periods.conversation_id = conversations.conversation_id
    inner join accounts
        on periods.account_id = accounts.account_id

),

steps as (

    {% for name in ages -%}
    select
        account_id,
        agent_id,
        {% for other in ages -%}
        {{ 1 if other == name else 0 }} as {{ other }},
        {% endfor -%}
        {{ name }}_from as step_on
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
        left_on as step_on
    from local_periods
    where left_on > {{ name }}_from

    {% if not loop.last %}union all

    {% endif %}
    {%- endfor %}
),

by_day as (

    select
        account_id,
        agent_id,
        {% for name in ages -%}
        sum({{ name }}) as {{ name }},
        {% endfor -%}
        step_on
    from steps
    group by account_id, agent_id, step_on

),

bounds as (

    select
        data_through.account_id,
        cast({{ to_local('data_through.data_through_at', 'accounts.time_zone') }} as date) as last_on
    from data_through
    inner join accounts
        on data_through.account_id = accounts.account_id

),

first_steps as (

    select
        account_id,
        agent_id,
        min(step_on) as first_on
    from by_day
    group by account_id, agent_id

),

days as (

    select
        first_steps.account_id,
        first_steps.agent_id,
        days_of_calendar.day_on
    from first_steps
    inner join bounds
        on first_steps.account_id = bounds.account_id
    inner join {{ ref('int_days') }} as days_of_calendar
        on
            first_steps.first_on <= days_of_calendar.day_on
            and bounds.last_on >= days_of_calendar.day_on

),

summed as (

    select
        days.account_id,
        days.agent_id,
        {% for name in ages -%}
        cast(
            sum(coalesce(by_day.{{ name }}, 0)) over (
                partition by days.account_id, days.agent_id
                order by days.day_on
                rows between unbounded preceding and current row
            ) as bigint
        ) as {{ name }},
        {% endfor -%}
        days.day_on as report_date
    from days
    left join by_day
        on
            days.account_id = by_day.account_id
            and coalesce(days.agent_id, '') = coalesce(by_day.agent_id, '')
            and days.day_on = by_day.step_on

),

final as (

    select
        summed.account_id,
        summed.agent_id,
        coalesce(agents.agent_name, 'Unassigned') as agent_name,
        {{ build_id() }} as build_id,
        {% for name in ages -%}
        summed.{{ name }},
        {% endfor -%}
        summed.report_date
    from summed
    left join agents
        on summed.agent_id = agents.agent_id
    where summed.open > 0

)

select * from final
