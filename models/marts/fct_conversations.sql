-- depends_on: {{ increment_ref('int_replaced_conversations') }}
{{ config(materialized='incremental', incremental_strategy='replace_touched', unique_key='conversation_id') }}

with

conversations as (

    select * from {{ ref('int_conversations') }}
    where {{ is_touched('conversation_id', 'int_touched_conversations') }}

),

messages as (

    select * from {{ ref('int_conversation_messages') }}

),

turns as (

    select * from {{ ref('int_conversation_turns') }}

),

first_responses as (

    select * from {{ ref('int_first_responses') }}

),

history as (

    select * from {{ ref('int_conversation_history') }}

),

surveys as (

    select * from {{ ref('int_conversation_surveys') }}

),

contacts as (

    select * from {{ ref('int_contacts') }}

),

calendar as (

    select * from {{ ref('int_calendar') }}

),

tags as (

    select
        conversation_id,
        {{ sorted_list('tag') }} as conversation_tags
    from {{ ref('int_conversation_tags') }}
    group by conversation_id

),

-- A close cannot precede its start: a platform that rounds its instants must not make negative times.
closings as (

    select
        conversations.conversation_id,
        conversations.account_id,
        greatest(
            conversations.started_at,
            coalesce(history.last_closed_at, conversations.closed_at, messages.last_message_at)
        ) as closed_at
    from conversations
    left join history
        on conversations.conversation_id = history.conversation_id
    left join messages
        on conversations.conversation_id = messages.conversation_id
    where
        conversations.status = 'closed'
        and coalesce(history.last_closed_at, conversations.closed_at, messages.last_message_at) is not null

),

timed_closings as (

    select
        closings.conversation_id,
        {{ working_seconds_at('calendar', 'closings.closed_at') }} as working_seconds_at_closing,
        closings.closed_at
    from closings
    left join calendar
        on {{ on_calendar('calendar', 'closings.account_id', 'closings.closed_at') }}

),

final as (

    select
        conversations.conversation_id,
        conversations.account_id,
        conversations.source_conversation_id,
        conversations.contact_key,
        conversations.channel_id,
        conversations.team_id,
        coalesce(
            conversations.origin,
            case when messages.is_begun_by_contact then 'inbound' else 'other' end
        ) as origin,
        conversations.status,
        coalesce(conversations.agent_id, history.assigned_agent_id) as agent_id,
        first_responses.first_response_agent_id,
        coalesce(tags.conversation_tags, {{ empty_text_list() }}) as conversation_tags,
        coalesce(contacts.contact_tags, {{ empty_text_list() }}) as contact_tags,
        coalesce(conversations.status = 'closed', false) as is_closed,
        calendar.is_working as is_in_working_hours,
        coalesce(
            conversations.status = 'closed' and messages.agent_messages = 1 and coalesce(history.reopens, 0) = 0,
            false
        ) as is_one_touch,
        coalesce(
            conversations.status = 'closed' and coalesce(messages.agent_messages, 0) = 0,
            false
        ) as is_automation_only,
        coalesce(messages.messages, 0) as messages,
        coalesce(messages.inbound_messages, 0) as inbound_messages,
        coalesce(messages.outbound_messages, 0) as outbound_messages,
        coalesce(messages.agent_messages, 0) as agent_messages,
        coalesce(messages.automated_messages, 0) as automated_messages,
        coalesce(messages.agents_replied, 0) as agents_replied,
        coalesce(history.reopens, 0) as reopens,
        coalesce(messages.windows_missed, 0) as windows_missed,
        coalesce(turns.turns_answered, 0) as turns_answered,
        coalesce(turns.turns_unanswered, 0) as turns_unanswered,
        {{ seconds_between('conversations.started_at', 'timed_closings.closed_at') }} as duration_seconds,
        timed_closings.working_seconds_at_closing
        - {{ working_seconds_at('calendar', 'conversations.started_at') }} as duration_working_seconds,
        first_responses.first_response_seconds,
        first_responses.first_response_working_seconds,
        turns.wait_sum_seconds,
        turns.wait_max_seconds,
        turns.wait_working_sum_seconds,
        surveys.rating as csat_rating,
        calendar.local_on as started_on,
        calendar.local_hour as started_hour,
        conversations.started_at,
        messages.first_inbound_at,
        first_responses.first_response_at,
        coalesce(history.first_closed_at, timed_closings.closed_at) as first_closed_at,
        timed_closings.closed_at,
        messages.last_message_at,
        surveys.sent_at as survey_sent_at,
        surveys.responded_at as survey_responded_at
    from conversations
    left join contacts
        on conversations.contact_id = contacts.contact_id
    left join messages
        on conversations.conversation_id = messages.conversation_id
    left join turns
        on conversations.conversation_id = turns.conversation_id
    left join first_responses
        on conversations.conversation_id = first_responses.conversation_id
    left join history
        on conversations.conversation_id = history.conversation_id
    left join surveys
        on conversations.conversation_id = surveys.conversation_id
    left join tags
        on conversations.conversation_id = tags.conversation_id
    left join timed_closings
        on conversations.conversation_id = timed_closings.conversation_id
    left join calendar
        on {{ on_calendar('calendar', 'conversations.account_id', 'conversations.started_at') }}

)

select * from final
