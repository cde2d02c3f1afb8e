{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key=['account_id', 'report_date'],
) }}

with

-- A conversation of two tags stands in both rows, and so does all that happened in it.
conversations as (

    select
        conversations.*,
        coalesce(conversation_tags.tag, 'Untagged') as tag
    from {{ ref('fct_conversations') }} as conversations
    left join {{ ref('bridge_conversation_tags') }} as conversation_tags
        on conversations.conversation_id = conversation_tags.conversation_id

),

messages as (

    select
        messages.*,
        conversations.tag
    from {{ ref('fct_messages') }} as messages
    inner join conversations
        on messages.conversation_id = conversations.conversation_id

),

surveys as (

    select
        surveys.*,
        conversations.tag
    from {{ ref('int_conversation_surveys') }} as surveys
    inner join conversations
        on surveys.conversation_id = conversations.conversation_id

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
