{{ config(unique_key=['account_id', 'report_date']) }}

with

-- A conversation with two tags counts in the rows of both, and so does its activity.
conversations as (

    select
        conversations.*,
        coalesce(conversation_tags.tag, 'Untagged') as tag
    from {{ ref('fct_conversations') }} as conversations
    left join {{ ref('bridge_conversation_tags') }} as conversation_tags
        on conversations.conversation_id = conversation_tags.conversation_id
    where {{ is_on_changed_day(
        'conversations.started_on', 'conversations.closed_on', 'conversations.survey_sent_on',
        'conversations.survey_responded_on', account_id='conversations.account_id',
    ) }}

),

turns_of_days as (

    select * from {{ ref('fct_customer_turns') }}
    where {{ is_on_changed_day('asked_on') }}

),

turns as (

    select
        turns_of_days.*,
        coalesce(conversation_tags.tag, 'Untagged') as tag
    from turns_of_days
    left join {{ ref('bridge_conversation_tags') }} as conversation_tags
        on turns_of_days.conversation_id = conversation_tags.conversation_id

),

messages_of_days as (

    select * from {{ ref('fct_messages') }}
    where
        has_conversation
        and {{ is_on_changed_day('sent_on') }}

),

messages as (

    select
        messages_of_days.*,
        coalesce(conversation_tags.tag, 'Untagged') as tag
    from messages_of_days
    left join {{ ref('bridge_conversation_tags') }} as conversation_tags
        on messages_of_days.conversation_id = conversation_tags.conversation_id

),

activity as (

    {{ activity('tag') }}

),

final as (

    select
        account_id,
        tag,
        {{ build_id() }} as build_id,
        {{ daily_measures() }},
        report_date
    from activity
    group by account_id, tag, report_date

)

select * from final
