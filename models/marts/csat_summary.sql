{{ config(unique_key=['account_id', 'report_date']) }}

with

conversations as (

    select * from {{ ref('fct_conversations') }}
    where survey_sent_on is not null

),

accounts as (

    select * from {{ ref('dim_accounts') }}

),

-- A survey counts as sent and as answered on the day on which it was sent. Its rating counts on the day of the answer.
activity as (

    select
        account_id,
        origin,
        agent_id,
        csat_agent_id,
        1 as surveys_sent,
        case when csat_rating is not null then 1 else 0 end as surveys_answered,
        cast(null as integer) as rating,
        survey_sent_on as report_date
    from conversations
    where {{ is_on_changed_day('survey_sent_on') }}

    union all

    select
        account_id,
        origin,
        agent_id,
        csat_agent_id,
        0 as surveys_sent,
        0 as surveys_answered,
        csat_rating as rating,
        survey_responded_on as report_date
    from conversations
    where
        csat_rating is not null
        and {{ is_on_changed_day('survey_responded_on') }}

),

rated_activity as (

    select
        activity.*,
        activity.rating >= accounts.csat_satisfied_from as is_satisfied,
        activity.rating <= accounts.csat_dissatisfied_to as is_dissatisfied
    from activity
    inner join accounts
        on activity.account_id = accounts.account_id

),

counts as (

    select
        account_id,
        origin,
        agent_id,
        csat_agent_id,
        cast(sum(surveys_sent) as bigint) as surveys_sent,
        cast(sum(surveys_answered) as bigint) as surveys_answered,
        count(rating) as responses,
        count(case when is_satisfied then 1 end) as satisfied,
        count(case when is_dissatisfied then 1 end) as dissatisfied,
        {% for rating in range(1, 6) -%}
        count(case when rating = {{ rating }} then 1 end) as rating_{{ rating }},
        {% endfor -%}
        cast(sum(rating) as double) as csat_sum,
        avg(rating) as csat_avg,
        report_date
    from rated_activity
    group by account_id, origin, agent_id, csat_agent_id, report_date

),

final as (

    select
        account_id,
        origin,
        agent_id,
        csat_agent_id,
        {{ build_id() }} as build_id,
        surveys_sent,
        surveys_answered,
        responses,
        satisfied,
        dissatisfied,
        {% for rating in range(1, 6) -%}
        rating_{{ rating }},
        {% endfor -%}
        csat_sum,
        csat_avg,
        satisfied / nullif(cast(responses as double), 0) as csat_score,
        surveys_answered / nullif(cast(surveys_sent as double), 0) as response_rate,
        report_date
    from counts

)

select * from final
