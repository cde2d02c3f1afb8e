with

conversations as (

    select * from {{ ref('fct_conversations') }}

),

-- A conversation of two tags stands in both rows.
tags as (

    select
        conversations.conversation_id,
        coalesce(conversation_tags.tag, 'Untagged') as tag
    from conversations
    left join {{ ref('bridge_conversation_tags') }} as conversation_tags
        on conversations.conversation_id = conversation_tags.conversation_id

),

tagged_conversations as (

    select
        conversations.*,
        tags.tag
    from conversations
    inner join tags
        on conversations.conversation_id = tags.conversation_id

),

messages as (

    select
        messages.*,
        tags.tag
    from {{ ref('fct_messages') }} as messages
    inner join tags
        on messages.conversation_id = tags.conversation_id

),

surveys as (

    select
        surveys.*,
        tags.tag
    from {{ ref('int_conversation_surveys') }} as surveys
    inner join tags
        on surveys.conversation_id = tags.conversation_id

),

happenings as (

    select
        account_id,
        tag,
        {{ happening('conversation') }},
        started_on as report_date
    from tagged_conversations

    union all

    select
        account_id,
        tag,
        {{ happening('first_response') }},
        started_on as report_date
    from tagged_conversations
    where first_response_at is not null

    union all

    select
        account_id,
        tag,
        {{ happening('messages') }},
        sent_on as report_date
    from messages
    group by account_id, tag, sent_on

    union all

    select
        account_id,
        tag,
        {{ happening('survey_sent') }},
        sent_on as report_date
    from surveys

    union all

    select
        account_id,
        tag,
        {{ happening('survey_answered') }},
        responded_on as report_date
    from surveys
    where rating is not null

),

final as (

    select
        account_id,
        tag,
        {{ daily_measures(daily_counts()) }},
        report_date
    from happenings
    group by account_id, tag, report_date

)

select * from final
