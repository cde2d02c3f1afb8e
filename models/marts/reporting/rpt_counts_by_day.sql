-- Messages come by the million, and a filter asks about their conversation only: they are counted by day, by the
-- agent they count for and by all that a filter can ask about the conversation. So are the surveys.
{{ config(unique_key=['account_id', 'day']) }}

with

conversations as (

    select
        *,
        {{ tags_or_untagged('conversation_tags') }} as tags
    from {{ ref('fct_conversations') }}

),

messages_of_days as (

    select * from {{ ref('fct_messages') }}
    where {{ is_on_changed_day('sent_on') }}

),

accounts as (

    select * from {{ ref('dim_accounts') }}

),

messages as (

    select
        account_id,
        agent_id,
        conversation_id,
        sent_on,
        count(*) as messages,
        count(case when direction = 'inbound' then 1 end) as inbound_messages,
        count(case when is_agent_message then 1 end) as agent_messages,
        count(case when is_automated then 1 end) as automated_messages
    from messages_of_days
    group by account_id, agent_id, conversation_id, sent_on

),

activity as (

    select
        messages.account_id,
        messages.agent_id as counted_agent_id,
        conversations.agent_id,
        coalesce(conversations.origin, 'other') as origin,
        conversations.tags,
        conversations.contact_tags,
        messages.messages,
        messages.inbound_messages,
        messages.agent_messages,
        messages.automated_messages,
        0 as surveys_sent,
        cast(null as integer) as rating,
        conversations.is_in_working_hours,
        conversations.conversation_id is not null as has_conversation,
        messages.sent_on as day
    from messages
    left join conversations
        on messages.conversation_id = conversations.conversation_id

    union all

    select
        account_id,
        agent_id as counted_agent_id,
        agent_id,
        origin,
        tags,
        contact_tags,
        0 as messages,
        0 as inbound_messages,
        0 as agent_messages,
        0 as automated_messages,
        1 as surveys_sent,
        cast(null as integer) as rating,
        is_in_working_hours,
        true as has_conversation,
        survey_sent_on as day
    from conversations
    where
        survey_sent_on is not null
        and {{ is_on_changed_day('survey_sent_on') }}

    union all

    select
        account_id,
        agent_id as counted_agent_id,
        agent_id,
        origin,
        tags,
        contact_tags,
        0 as messages,
        0 as inbound_messages,
        0 as agent_messages,
        0 as automated_messages,
        0 as surveys_sent,
        csat_rating as rating,
        is_in_working_hours,
        true as has_conversation,
        survey_responded_on as day
    from conversations
    where
        csat_rating is not null
        and {{ is_on_changed_day('survey_responded_on') }}

),

final as (

    select
        activity.account_id,
        activity.counted_agent_id,
        activity.agent_id,
        activity.origin,
        {{ build_id() }} as build_id,
        activity.tags,
        activity.contact_tags,
        cast(sum(activity.messages) as bigint) as messages,
        cast(sum(activity.inbound_messages) as bigint) as inbound_messages,
        cast(sum(activity.agent_messages) as bigint) as agent_messages,
        cast(sum(activity.automated_messages) as bigint) as automated_messages,
        cast(sum(activity.surveys_sent) as bigint) as surveys_sent,
        count(activity.rating) as csat_n,
        cast(sum(activity.rating) as bigint) as csat_sum,
        count(case when activity.rating >= accounts.csat_satisfied_from then 1 end) as satisfied,
        count(case when activity.rating <= accounts.csat_dissatisfied_to then 1 end) as dissatisfied,
        {% for rating in range(1, 6) -%}
        count(case when activity.rating = {{ rating }} then 1 end) as rating_{{ rating }},
        {% endfor -%}
        activity.is_in_working_hours,
        activity.has_conversation,
        activity.day
    from activity
    inner join accounts
        on activity.account_id = accounts.account_id
    group by
        activity.account_id,
        activity.counted_agent_id,
        activity.agent_id,
        activity.origin,
        activity.tags,
        activity.contact_tags,
        activity.is_in_working_hours,
        activity.has_conversation,
        activity.day
    order by activity.day, activity.account_id

)

select * from final
