-- The columns of conversations that the report macros aggregate, ordered by day. `contact` is half of the contact's key
-- as a number, because counting distinct texts is the slowest part of a report.
{{ config(unique_key=['account_id', 'started_on']) }}

with

conversations as (

    select * from {{ ref('fct_conversations') }}
    where {{ is_on_changed_day('started_on') }}

),

final as (

    select
        account_id,
        {{ half_key('contact_key') }} as contact,
        channel_id,
        team_id,
        origin,
        agent_id,
        coalesce(first_response_agent_id, agent_id) as responder_id,
        {{ build_id() }} as build_id,
        {{ tags_or_untagged('conversation_tags') }} as tags,
        contact_tags,
        reopens,
        windows_expired,
        started_hour,
        duration_seconds,
        duration_working_seconds,
        first_response_seconds,
        first_response_working_seconds,
        total_wait_seconds,
        total_wait_working_seconds,
        is_closed,
        is_in_working_hours,
        is_one_touch,
        is_automation_only,
        is_repeat,
        is_first_response_within_target,
        is_duration_within_target,
        started_on
    from conversations
    order by started_on, account_id

)

select * from final
