{{ config(
    unique_key='conversation_id',
    counts_on=['started_on', 'closed_on', 'survey_sent_on', 'survey_responded_on'],
) }}

with

conversations as (

    select * from {{ ref('int_conversations') }}
    where {{ is_changed() }}

),

statuses as (

    select * from {{ ref('int_conversation_status') }}

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

accounts as (

    select * from {{ ref('dim_accounts') }}

),

event_types as (

    select * from {{ ref('int_event_types') }}

),

calendar as (

    select * from {{ ref('int_calendar') }}

),

tags as (

    select
        conversation_id,
        {{ sorted_list('tag') }} as conversation_tags
    from {{ ref('bridge_conversation_tags') }}
    where {{ is_changed() }}
    group by conversation_id

),

joined as (

    select
        conversations.*,
        statuses.is_closed,
        statuses.status as current_status,
        statuses.first_closed_at,
        statuses.closed_at as ended_at,
        messages.is_begun_by_contact,
        coalesce(messages.messages, 0) as messages,
        coalesce(messages.inbound_messages, 0) as inbound_messages,
        coalesce(messages.outbound_messages, 0) as outbound_messages,
        coalesce(messages.agent_messages, 0) as agent_messages,
        coalesce(messages.automated_messages, 0) as automated_messages,
        coalesce(messages.agents_replied, 0) as agents_replied,
        -- The window of the last message expires as time passes.
        coalesce(messages.windows_expired, 0)
        + case
            when
                messages.is_last_window_running
                and {{ seconds_between('messages.last_message_at', 'statuses.data_through_at') }} >= 86400
                then 1
            else 0
        end as windows_expired,
        messages.handled_by,
        messages.last_agent_id,
        messages.first_inbound_at,
        messages.last_inbound_at,
        messages.last_message_at,
        history.assigned_agent_id,
        -- The numbers are null if the account has no events or if its platform does not export the event type.
        case when event_types.has_reopened then coalesce(history.reopens, 0) end as reopens,
        case when event_types.has_assigned then coalesce(history.assignments, 0) end as assignments,
        case when event_types.has_assigned then coalesce(history.agents_assigned, 0) end as agents_assigned,
        history.first_assigned_at,
        history.handed_off_at
    from conversations
    left join statuses
        on conversations.conversation_id = statuses.conversation_id
    left join messages
        on conversations.conversation_id = messages.conversation_id
    left join history
        on conversations.conversation_id = history.conversation_id
    left join event_types
        on conversations.account_id = event_types.account_id

),

-- If the agent is unassigned when the conversation is closed, the conversation keeps its agent.
assigned as (

    select
        joined.*,
        coalesce(
            joined.agent_id,
            joined.assigned_agent_id,
            case when joined.is_closed then joined.last_agent_id end
        ) as current_agent_id
    from joined

),

timed as (

    select
        assigned.*,
        start_interval.is_working as is_in_working_hours,
        start_interval.local_hour as started_hour,
        start_interval.local_on as started_on,
        end_interval.local_on as closed_on,
        {{ seconds_between('assigned.started_at', 'assigned.ended_at') }} as duration_seconds,
        {{ working_seconds_at('end_interval', 'assigned.ended_at') }}
        - {{ working_seconds_at('start_interval', 'assigned.started_at') }} as duration_working_seconds
    from assigned
    left join calendar as start_interval
        on {{ on_calendar('start_interval', 'assigned.account_id', 'assigned.started_at') }}
    left join calendar as end_interval
        on {{ on_calendar('end_interval', 'assigned.account_id', 'assigned.ended_at') }}

),

contact_history as (

    select
        conversation_id,
        row_number() over contact_order as contact_conversation_number,
        lag(started_on) over contact_order as previous_started_on,
        lag(is_closed) over contact_order as is_previous_closed,
        lag(ended_at) over contact_order as previous_ended_at
    from timed
    where contact_key is not null
    window contact_order as (
        partition by contact_key
        order by started_at, length(source_conversation_id), source_conversation_id
    )

),

final as (

    select
        timed.conversation_id,
        timed.account_id,
        timed.source_conversation_id,
        timed.contact_key,
        timed.owner_key,
        timed.channel_id,
        timed.team_id,
        coalesce(
            timed.origin,
            case when timed.is_begun_by_contact then 'inbound' else 'other' end
        ) as origin,
        timed.current_status as status,
        timed.handled_by,
        timed.current_agent_id as agent_id,
        responses.first_response_agent_id,
        case
            when surveys.conversation_id is not null then coalesce(surveys.agent_id, timed.current_agent_id)
        end as csat_agent_id,
        {{ build_id() }} as build_id,
        coalesce(tags.conversation_tags, {{ empty_text_list() }}) as conversation_tags,
        coalesce(contacts.contact_tags, {{ empty_text_list() }}) as contact_tags,
        timed.messages,
        timed.inbound_messages,
        timed.outbound_messages,
        timed.agent_messages,
        timed.automated_messages,
        timed.agents_replied,
        timed.reopens,
        timed.assignments,
        timed.agents_assigned,
        timed.windows_expired,
        coalesce(responses.turns_answered, 0) as turns_answered,
        coalesce(responses.turns_closed, 0) as turns_closed,
        coalesce(responses.turns_waiting, 0) as turns_waiting,
        cast(contact_history.contact_conversation_number as bigint) as contact_conversation_number,
        cast({{ dbt.datediff(
            'contact_history.previous_started_on', 'timed.started_on', 'day'
        ) }} as bigint) as days_since_previous, -- noqa: LT05
        timed.duration_seconds,
        timed.duration_working_seconds,
        responses.first_response_seconds,
        responses.first_response_working_seconds,
        responses.total_wait_seconds,
        responses.max_wait_seconds,
        responses.total_wait_working_seconds,
        surveys.rating as csat_rating,
        timed.started_hour,
        timed.is_closed,
        timed.is_in_working_hours,
        timed.is_closed and timed.agent_messages = 1 and coalesce(timed.reopens, 0) = 0 as is_one_touch,
        coalesce(timed.is_closed and timed.handled_by = 'automation', false) as is_automation_only,
        case
            when not contact_history.is_previous_closed then false
            else
                {{ seconds_between('contact_history.previous_ended_at', 'timed.started_at') }}
                between 0 and 168 * 3600
        end as is_repeat,
        responses.is_first_response_within_target,
        {{ is_within_target('resolution', 'timed.duration_seconds', 'timed.duration_working_seconds') }}
            as is_duration_within_target,
        timed.started_on,
        timed.closed_on,
        surveys.sent_on as survey_sent_on,
        surveys.responded_on as survey_responded_on,
        timed.started_at,
        timed.first_inbound_at,
        timed.last_inbound_at,
        timed.handed_off_at,
        timed.first_assigned_at,
        responses.first_response_at,
        responses.waiting_since,
        timed.first_closed_at,
        timed.ended_at as closed_at,
        timed.last_message_at,
        surveys.sent_at as survey_sent_at,
        surveys.responded_at as survey_responded_at
    from timed
    left join accounts
        on timed.account_id = accounts.account_id
    left join contact_history
        on timed.conversation_id = contact_history.conversation_id
    left join contacts
        on timed.contact_key = contacts.contact_key
    left join tags
        on timed.conversation_id = tags.conversation_id
    left join responses
        on timed.conversation_id = responses.conversation_id
    left join surveys
        on timed.conversation_id = surveys.conversation_id

)

select * from final
