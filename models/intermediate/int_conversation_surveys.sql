with

surveys as (

    {{ union_platforms('surveys') }}

),

conversations as (

    select * from {{ ref('int_conversations') }}

),

calendar as (

    select * from {{ ref('int_calendar') }}

),

-- One survey per conversation counts: a survey with a rating before one without, then the latest answer, then the
-- latest sending.
ranked_surveys as (

    select
        *,
        row_number() over (
            partition by conversation_id
            order by
                case when rating is null then 1 else 0 end asc,
                responded_at desc nulls last,
                sent_at desc nulls last,
                length(survey_id) desc,
                survey_id desc
        ) as survey_rank
    from surveys

),

first_surveys as (

    select
        ranked_surveys.conversation_id,
        ranked_surveys.account_id,
        ranked_surveys.agent_id,
        ranked_surveys.rating,
        coalesce(ranked_surveys.sent_at, ranked_surveys.responded_at, conversations.started_at) as sent_at,
        case
            when ranked_surveys.rating is not null
                then coalesce(ranked_surveys.responded_at, ranked_surveys.sent_at, conversations.started_at)
        end as responded_at
    from ranked_surveys
    inner join conversations
        on ranked_surveys.conversation_id = conversations.conversation_id
    where ranked_surveys.survey_rank = 1

),

final as (

    select
        first_surveys.conversation_id,
        first_surveys.account_id,
        first_surveys.agent_id,
        first_surveys.rating,
        sent_interval.local_on as sent_on,
        responded_interval.local_on as responded_on,
        first_surveys.sent_at,
        first_surveys.responded_at
    from first_surveys
    left join calendar as sent_interval
        on {{ on_calendar('sent_interval', 'first_surveys.account_id', 'first_surveys.sent_at') }}
    left join calendar as responded_interval
        on {{ on_calendar('responded_interval', 'first_surveys.account_id', 'first_surveys.responded_at') }}

)

select * from final
