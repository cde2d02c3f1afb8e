{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key=['account_id', 'report_date'],
) }}

with

conversations_of_days as (

    select * from {{ ref('fct_conversations') }}
    where {{ on_touched_days('started_on') }}

),

messages_of_days as (

    select * from {{ ref('fct_messages') }}
    where {{ on_touched_days('sent_on') }}

),

surveys_of_days as (

    select * from {{ ref('int_conversation_surveys') }}
    where {{ on_touched_days('sent_on', 'responded_on') }}

),

-- A conversation of two tags stands in both rows, and so does all that happened in it.
conversations as (

    select
        conversations_of_days.*,
        coalesce(conversation_tags.tag, 'Untagged') as tag
    from conversations_of_days
    left join {{ ref('bridge_conversation_tags') }} as conversation_tags
        on conversations_of_days.conversation_id = conversation_tags.conversation_id

),

messages as (

    select
        messages_of_days.*,
        coalesce(conversation_tags.tag, 'Untagged') as tag
    from messages_of_days
    left join {{ ref('bridge_conversation_tags') }} as conversation_tags
        on messages_of_days.conversation_id = conversation_tags.conversation_id
    where messages_of_days.has_conversation

),

surveys as (

    select
        surveys_of_days.*,
        coalesce(conversation_tags.tag, 'Untagged') as tag
    from surveys_of_days
    left join {{ ref('bridge_conversation_tags') }} as conversation_tags
        on surveys_of_days.conversation_id = conversation_tags.conversation_id

),

happenings as (

    {{ happenings('tag') }}

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
