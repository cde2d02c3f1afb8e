-- depends_on: {{ increment_ref('int_replaced_conversations') }}
{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key='conversation_id',
    partition_by='started_on',
) }}

with

conversations as (

    select * from {{ ref('int_conversations') }}
    where {{ is_touched('conversation_id', 'int_touched_conversations') }}

),

messages as (

    select * from {{ ref('int_conversation_messages') }}
    where {{ is_touched('conversation_id', 'int_touched_conversations') }}

),

turns as (

    select * from {{ ref('int_conversation_turns') }}
    where {{ is_touched('conversation_id', 'int_touched_conversations') }}

),

first_responses as (

    select * from {{ ref('int_first_responses') }}
    where {{ is_touched('conversation_id', 'int_touched_conversations') }}

),

history as (

    select * from {{ ref('int_conversation_history') }}
    where {{ is_touched('conversation_id', 'int_touched_conversations') }}

),

surveys as (

    select * from {{ ref('int_conversation_surveys') }}
    where {{ is_touched('conversation_id', 'int_touched_conversations') }}

),

contacts as (

    select * from {{ ref('int_contacts') }}

),

calendar as (

    select * from {{ ref('int_calendar') }}

),

-- What its messages and events say of a conversation.
told as (

    select
        conversations.*,
        messages.is_begun_by_contact,
        messages.messages,
        messages.inbound_messages,
        messages.outbound_messages,
        messages.agent_messages,
        messages.automated_messages,
        messages.agents_replied,
        messages.windows_missed,
        messages.first_inbound_at,
        messages.last_message_at,
        history.assigned_agent_id,
        history.reopens,
        history.first_closed_at,
        case
            when conversations.status = 'closed'
                then coalesce(history.last_closed_at, conversations.closed_at, messages.last_message_at)
        end as last_closed_at
    from conversations
    left join messages
        on conversations.conversation_id = messages.conversation_id
    left join history
        on conversations.conversation_id = history.conversation_id

),

-- A close cannot precede its start: a platform that rounds its instants must not make negative times.
ended as (

    select
        told.*,
        case when last_closed_at is not null then greatest(started_at, last_closed_at) end as ended_at
    from told

),

final as (

    select
        ended.conversation_id,
        ended.account_id,
        ended.source_conversation_id,
        ended.contact_key,
        ended.channel_id,
        ended.team_id,
        coalesce(
            ended.origin,
            case when ended.is_begun_by_contact then 'inbound' else 'other' end
        ) as origin,
        ended.status,
        coalesce(ended.agent_id, ended.assigned_agent_id) as agent_id,
        first_responses.first_response_agent_id,
        {{ tag_names('ended.tags') }} as conversation_tags,
        coalesce(contacts.contact_tags, {{ empty_text_list() }}) as contact_tags,
        coalesce(ended.status = 'closed', false) as is_closed,
        starting.is_working as is_in_working_hours,
        coalesce(
            ended.status = 'closed' and ended.agent_messages = 1 and coalesce(ended.reopens, 0) = 0,
            false
        ) as is_one_touch,
        coalesce(
            ended.status = 'closed' and coalesce(ended.agent_messages, 0) = 0,
            false
        ) as is_automation_only,
        coalesce(ended.messages, 0) as messages,
        coalesce(ended.inbound_messages, 0) as inbound_messages,
        coalesce(ended.outbound_messages, 0) as outbound_messages,
        coalesce(ended.agent_messages, 0) as agent_messages,
        coalesce(ended.automated_messages, 0) as automated_messages,
        coalesce(ended.agents_replied, 0) as agents_replied,
        coalesce(ended.reopens, 0) as reopens,
        coalesce(ended.windows_missed, 0) as windows_missed,
        coalesce(turns.turns_answered, 0) as turns_answered,
        coalesce(turns.turns_unanswered, 0) as turns_unanswered,
        {{ seconds_between('ended.started_at', 'ended.ended_at') }} as duration_seconds,
        {{ working_seconds_at('closing', 'ended.ended_at') }}
        - {{ working_seconds_at('starting', 'ended.started_at') }} as duration_working_seconds,
        first_responses.first_response_seconds,
        first_responses.first_response_working_seconds,
        turns.wait_sum_seconds,
        turns.wait_max_seconds,
        turns.wait_working_sum_seconds,
        surveys.rating as csat_rating,
        starting.local_on as started_on,
        starting.local_hour as started_hour,
        ended.started_at,
        ended.first_inbound_at,
        first_responses.first_response_at,
        coalesce(ended.first_closed_at, ended.ended_at) as first_closed_at,
        ended.ended_at as closed_at,
        ended.last_message_at,
        surveys.sent_at as survey_sent_at,
        surveys.responded_at as survey_responded_at
    from ended
    left join contacts
        on ended.contact_id = contacts.contact_id
    left join turns
        on ended.conversation_id = turns.conversation_id
    left join first_responses
        on ended.conversation_id = first_responses.conversation_id
    left join surveys
        on ended.conversation_id = surveys.conversation_id
    left join calendar as starting
        on {{ on_calendar('starting', 'ended.account_id', 'ended.started_at') }}
    left join calendar as closing
        on {{ on_calendar('closing', 'ended.account_id', 'ended.ended_at') }}

)

select * from final
