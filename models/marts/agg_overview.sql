with

conversations as (

    select * from {{ ref('fct_conversations') }}

),

messages as (

    select
        messages.*,
        coalesce(conversations.origin, 'other') as origin
    from {{ ref('fct_messages') }} as messages
    left join conversations
        on messages.conversation_id = conversations.conversation_id

),

surveys as (

    select
        surveys.*,
        conversations.origin
    from {{ ref('int_conversation_surveys') }} as surveys
    inner join conversations
        on surveys.conversation_id = conversations.conversation_id

),

happenings as (

    select
        account_id,
        origin,
        {{ happening('conversation') }},
        started_on as report_date
    from conversations

    union all

    select
        account_id,
        origin,
        {{ happening('first_response') }},
        started_on as report_date
    from conversations
    where first_response_at is not null

    union all

    select
        account_id,
        origin,
        {{ happening('messages') }},
        sent_on as report_date
    from messages
    group by account_id, origin, sent_on

    union all

    select
        account_id,
        origin,
        {{ happening('survey_sent') }},
        sent_on as report_date
    from surveys

    union all

    select
        account_id,
        origin,
        {{ happening('survey_answered') }},
        responded_on as report_date
    from surveys
    where rating is not null

),

final as (

    select
        account_id,
        origin,
        {{ daily_measures(daily_counts() + ['inbound_messages', 'agent_messages', 'automated_messages']) }},
        report_date
    from happenings
    group by account_id, origin, report_date

)

select * from final
