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

-- One survey a conversation counts: one with a rating before one without, then the last answered, then the last sent.
ranked as (

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

counted as (

    select
        ranked.conversation_id,
        ranked.account_id,
        ranked.agent_id,
        ranked.rating,
        coalesce(ranked.sent_at, ranked.responded_at, conversations.started_at) as sent_at,
        case
            when ranked.rating is not null
                then coalesce(ranked.responded_at, ranked.sent_at, conversations.started_at)
        end as responded_at
    from ranked
    inner join conversations
        on ranked.conversation_id = conversations.conversation_id
    where ranked.survey_rank = 1

),

final as (

    select
        counted.conversation_id,
        counted.account_id,
        counted.agent_id,
        counted.rating,
        sending.local_on as sent_on,
        answer.local_on as responded_on,
        counted.sent_at,
        counted.responded_at
    from counted
    left join calendar as sending
        on {{ on_calendar('sending', 'counted.account_id', 'counted.sent_at') }}
    left join calendar as answer
        on {{ on_calendar('answer', 'counted.account_id', 'counted.responded_at') }}

)

select * from final
