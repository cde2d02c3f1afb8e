{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key=['account_id', 'report_date'],
) }}

with

conversations as (

    select * from {{ ref('fct_conversations') }}

),

surveys as (

    select * from {{ ref('int_conversation_surveys') }}
    where {{ on_touched_days('sent_on', 'responded_on') }}

),

accounts as (

    select * from {{ ref('accounts') }}

),

scales as (

    select * from {{ ref('csat_scales') }}

),

surveyed as (

    select
        surveys.account_id,
        conversations.origin,
        conversations.agent_id,
        surveys.rating,
        surveys.rating >= coalesce(scales.satisfied_from, 4) as is_satisfied,
        surveys.rating <= coalesce(scales.dissatisfied_to, 2) as is_dissatisfied,
        surveys.sent_on,
        surveys.responded_on
    from surveys
    inner join conversations
        on surveys.conversation_id = conversations.conversation_id
    inner join accounts
        on surveys.account_id = accounts.account_id
    left join scales
        on accounts.platform = scales.platform

),

-- Sent on the day of the sending, answered on the day of the answer.
happenings as (

    select
        account_id,
        origin,
        agent_id,
        1 as surveys_sent,
        cast(null as integer) as rating,
        cast(null as boolean) as is_satisfied,
        cast(null as boolean) as is_dissatisfied,
        sent_on as report_date
    from surveyed
    where {{ on_touched_days('sent_on') }}

    union all

    select
        account_id,
        origin,
        agent_id,
        0 as surveys_sent,
        rating,
        is_satisfied,
        is_dissatisfied,
        responded_on as report_date
    from surveyed
    where
        rating is not null
        and {{ on_touched_days('responded_on') }}

),

counted as (

    select
        account_id,
        origin,
        agent_id,
        cast(sum(surveys_sent) as bigint) as surveys_sent,
        count(rating) as responses,
        count(case when is_satisfied then 1 end) as satisfied,
        count(case when is_dissatisfied then 1 end) as dissatisfied,
        {% for rating in range(1, 6) -%}
            count(case when rating = {{ rating }} then 1 end) as rating_{{ rating }},
        {% endfor -%}
        cast(sum(rating) as double) as csat_sum,
        avg(rating) as csat_avg,
        report_date
    from happenings
    group by account_id, origin, agent_id, report_date

),

final as (

    select
        account_id,
        origin,
        agent_id,
        surveys_sent,
        responses,
        satisfied,
        dissatisfied,
        {% for rating in range(1, 6) -%}
            rating_{{ rating }},
        {% endfor -%}
        csat_sum,
        csat_avg,
        satisfied / nullif(cast(responses as double), 0) as csat_score,
        responses / nullif(cast(surveys_sent as double), 0) as response_rate,
        report_date
    from counted

)

select * from final
