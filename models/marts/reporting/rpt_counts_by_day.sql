-- Messages, closes and surveys, counted by day, by the agent for whom they count and by the columns of the conversation
-- to which filters apply. Reports read these counts instead of millions of messages.
{{ config(unique_key=['account_id', 'day']) }}

with

conversations as (

    select
        *,
        {{ tags_or_untagged('conversation_tags') }} as tags
    from {{ ref('fct_conversations') }}

),

changed_messages as (

    select * from {{ ref('fct_messages') }}
    where {{ is_on_changed_day('sent_on') }}

),

accounts as (

    select * from {{ ref('dim_accounts') }}

),

messages as (

    select
        account_id,
        case when direction = 'outbound' then agent_id end as sender_id,
        direction = 'inbound' as is_inbound,
        conversation_id,
        sent_on,
        count(*) as messages,
        count(case when is_agent_message then 1 end) as agent_messages,
        count(case when is_automated then 1 end) as automated_messages
    from changed_messages
    group by account_id, sender_id, is_inbound, conversation_id, sent_on

),

activity as (

    select
        messages.account_id,
        case when messages.is_inbound then conversations.agent_id else messages.sender_id end as counted_agent_id,
        conversations.agent_id,
        conversations.channel_id,
        conversations.team_id,
        coalesce(conversations.origin, 'other') as origin,
        conversations.tags,
        conversations.contact_tags,
        case when messages.is_inbound then messages.messages else 0 end as inbound_messages,
        case when messages.is_inbound then 0 else messages.messages end as outbound_messages,
        messages.agent_messages,
        messages.automated_messages,
        0 as closed_on_day,
        0 as surveys_sent,
        0 as surveys_answered,
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
        channel_id,
        team_id,
        origin,
        tags,
        contact_tags,
        0 as inbound_messages,
        0 as outbound_messages,
        0 as agent_messages,
        0 as automated_messages,
        1 as closed_on_day,
        0 as surveys_sent,
        0 as surveys_answered,
        cast(null as integer) as rating,
        is_in_working_hours,
        true as has_conversation,
        closed_on as day
    from conversations
    where
        closed_on is not null
        and {{ is_on_changed_day('closed_on') }}

    union all

    select
        account_id,
        csat_agent_id as counted_agent_id,
        agent_id,
        channel_id,
        team_id,
        origin,
        tags,
        contact_tags,
        0 as inbound_messages,
        0 as outbound_messages,
        0 as agent_messages,
        0 as automated_messages,
        0 as closed_on_day,
        1 as surveys_sent,
        case when csat_rating is not null then 1 else 0 end as surveys_answered,
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
        csat_agent_id as counted_agent_id,
        agent_id,
        channel_id,
        team_id,
        origin,
        tags,
        contact_tags,
        0 as inbound_messages,
        0 as outbound_messages,
        0 as agent_messages,
        0 as automated_messages,
        0 as closed_on_day,
        0 as surveys_sent,
        0 as surveys_answered,
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
        activity.channel_id,
        activity.team_id,
        activity.origin,
        {{ build_id() }} as build_id,
        activity.tags,
        activity.contact_tags,
        cast(sum(activity.inbound_messages) as bigint) as inbound_messages,
        cast(sum(activity.outbound_messages) as bigint) as outbound_messages,
        cast(sum(activity.agent_messages) as bigint) as agent_messages,
        cast(sum(activity.automated_messages) as bigint) as automated_messages,
        cast(sum(activity.closed_on_day) as bigint) as closed_on_day,
        cast(sum(activity.surveys_sent) as bigint) as surveys_sent,
        cast(sum(activity.surveys_answered) as bigint) as surveys_answered,
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
        activity.channel_id,
        activity.team_id,
        activity.origin,
        activity.tags,
        activity.contact_tags,
        activity.is_in_working_hours,
        activity.has_conversation,
        activity.day
    order by activity.day, activity.account_id

)

select * from final
