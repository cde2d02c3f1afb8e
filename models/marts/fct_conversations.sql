{{ config(
    unique_key='conversation_id',
    counts_on=['started_on', 'survey_sent_on', 'survey_responded_on'],
) }}

with

conversations as (

    select * from {{ ref('int_conversations') }}
    where {{ is_changed() }}

),

messages as (

    select * from {{ ref('int_conversation_messages') }}

),

responses as (

    select * from {{ ref('int_conversation_responses') }}

),

history as (

    select * from {{ ref('int_conversation_history') }}

),

surveys as (

    select * from {{ ref('int_conversation_surveys') }}

),

contacts as (

    select * from {{ ref('dim_contacts') }}

),

calendar as (

    select * from {{ ref('int_calendar') }}

),

data_through as (

    select * from {{ ref('int_data_through') }}

),

-- A conversation that was cut from its messages is closed once no message can join it any more.
current_conversations as (

    select
        conversations.*,
        data_through.data_through_at,
        case
            when conversations.joins_until_at <= data_through.data_through_at then 'closed'
            else conversations.status
        end as current_status
    from conversations
    left join data_through
        on conversations.account_id = data_through.account_id

),

joined as (

    select
        conversations.*,
        messages.is_begun_by_contact,
        messages.messages,
        messages.inbound_messages,
        messages.outbound_messages,
        messages.agent_messages,
        messages.automated_messages,
        messages.agents_replied,
        -- The window of the last message runs out by time alone.
        messages.windows_missed
        + case
            when
                messages.is_last_inbound
                and {{ seconds_between('messages.last_message_at', 'conversations.data_through_at') }} >= 86400
                then 1
            else 0
        end as windows_missed,
        messages.first_inbound_at,
        messages.last_message_at,
        history.assigned_agent_id,
        history.reopens,
        history.first_closed_at,
        case
            when conversations.current_status = 'closed'
                then coalesce(history.last_closed_at, conversations.closed_at, messages.last_message_at)
        end as last_closed_at
    from current_conversations as conversations
    left join messages
        on conversations.conversation_id = messages.conversation_id
    left join history
        on conversations.conversation_id = history.conversation_id

),

-- A close cannot precede its start: a platform that rounds its instants must not make negative times.
ended as (

    select
        joined.*,
        case when last_closed_at is not null then greatest(started_at, last_closed_at) end as ended_at
    from joined

),

final as (

    select
        ended.conversation_id,
        ended.account_id,
        ended.source_conversation_id,
        ended.contact_key,
        ended.owner_key,
        ended.channel_id,
        ended.team_id,
        coalesce(
            ended.origin,
            case when ended.is_begun_by_contact then 'inbound' else 'other' end
        ) as origin,
        ended.current_status as status,
        coalesce(ended.agent_id, ended.assigned_agent_id) as agent_id,
        responses.first_response_agent_id,
        {{ build_id() }} as build_id,
        {{ tag_names('ended.tags') }} as conversation_tags,
        coalesce(contacts.contact_tags, {{ empty_text_list() }}) as contact_tags,
        coalesce(ended.current_status = 'closed', false) as is_closed,
        starting.is_working as is_in_working_hours,
        coalesce(
            ended.current_status = 'closed' and ended.agent_messages = 1 and coalesce(ended.reopens, 0) = 0,
            false
        ) as is_one_touch,
        coalesce(
            ended.current_status = 'closed' and coalesce(ended.agent_messages, 0) = 0,
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
        coalesce(responses.turns_answered, 0) as turns_answered,
        coalesce(responses.turns_unanswered, 0) as turns_unanswered,
        {{ seconds_between('ended.started_at', 'ended.ended_at') }} as duration_seconds,
        {{ working_seconds_at('closing', 'ended.ended_at') }}
        - {{ working_seconds_at('starting', 'ended.started_at') }} as duration_working_seconds,
        responses.first_response_seconds,
        responses.first_response_working_seconds,
        responses.wait_sum_seconds,
        responses.wait_max_seconds,
        responses.wait_working_sum_seconds,
        surveys.rating as csat_rating,
        starting.local_hour as started_hour,
        starting.local_on as started_on,
        surveys.sent_on as survey_sent_on,
        surveys.responded_on as survey_responded_on,
        ended.started_at,
        ended.first_inbound_at,
        responses.first_response_at,
        coalesce(ended.first_closed_at, ended.ended_at) as first_closed_at,
        ended.ended_at as closed_at,
        ended.last_message_at,
        surveys.sent_at as survey_sent_at,
        surveys.responded_at as survey_responded_at
    from ended
    left join contacts
        on ended.contact_key = contacts.contact_key
    left join responses
        on ended.conversation_id = responses.conversation_id
    left join surveys
        on ended.conversation_id = surveys.conversation_id
    left join calendar as starting
        on {{ on_calendar('starting', 'ended.account_id', 'ended.started_at') }}
    left join calendar as closing
        on {{ on_calendar('closing', 'ended.account_id', 'ended.ended_at') }}

)

select * from final
