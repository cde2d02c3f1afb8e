{{ config(unique_key=['account_id', 'report_date']) }}

with

-- A conversation with two tags counts in the rows of both tags, as do its turns and messages.
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

changed_turns as (

    select * from {{ ref('fct_customer_turns') }}
    where {{ is_on_changed_day('asked_on') }}

),

turns as (

    select
        changed_turns.*,
        coalesce(conversation_tags.tag, 'Untagged') as tag
    from changed_turns
    left join {{ ref('bridge_conversation_tags') }} as conversation_tags
        on changed_turns.conversation_id = conversation_tags.conversation_id

),

changed_messages as (

    select * from {{ ref('fct_messages') }}
    where
        has_conversation
        and {{ is_on_changed_day('sent_on') }}

),

messages as (

    select
        changed_messages.*,
        coalesce(conversation_tags.tag, 'Untagged') as tag
    from changed_messages
    left join {{ ref('bridge_conversation_tags') }} as conversation_tags
        on changed_messages.conversation_id = conversation_tags.conversation_id

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
