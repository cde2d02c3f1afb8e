with

reporting_versions as (

    select * from {{ raw_records('reporting_events', source('chatwoot', 'reporting_events')) }}

),

status_changes as (

    select * from {{ raw_records('status_changes', source('chatwoot', 'status_changes')) }}

),

reported as (

    {{ latest_version('reporting_events', 'reporting_versions', 'cast(null as timestamp)') }}

),

-- A change is in several webhooks, and each of them can be delivered more than once.
changed as (

    select distinct
        _account_id,
        id as conversation,
        lower(previous_value) as previous_status,
        lower(current_value) as current_status,
        coalesce(updated_at, last_activity_at) as changed_at
    from status_changes

),

steps as (

    select
        _account_id || ':' || id as event_id,
        _account_id as account_id,
        _account_id || ':' || coalesce(conversation_display_id, conversation_id) as conversation_id,
        _account_id || ':' || user_id as agent_id,
        case lower(name)
            when 'conversation_resolved' then 'closed'
            when 'conversation_opened' then 'opened'
            when 'conversation_bot_handoff' then 'handed_off'
        end as step,
        -- The platform counts from the last time it was resolved; 0 means never.
        coalesce(value, '0') not in ('0', '0.0') as is_opened_again,
        event_end_time as occurred_at
    from reported

    union all

    select
        _account_id || ':' || conversation || ' ' || previous_status || ' ' || current_status || ' '
        || cast(changed_at as {{ dbt.type_string() }}) as event_id,
        _account_id as account_id,
        _account_id || ':' || conversation as conversation_id,
        cast(null as {{ dbt.type_string() }}) as agent_id,
        case
            when current_status = 'resolved' then 'closed'
            when previous_status = 'resolved' then 'opened'
            when previous_status = 'pending' and current_status = 'open' then 'handed_off'
        end as step,
        true as is_opened_again,
        changed_at as occurred_at
    from changed

),

-- The end of a snooze and a hand-off by a bot also open a conversation. Only a change after a close is a reopening.
followed as (

    select
        *,
        lag(step) over (
            partition by conversation_id, step = 'handed_off'
            order by occurred_at, step, event_id
        ) as previous_step
    from steps
    where
        step is not null
        and conversation_id is not null
        and occurred_at is not null

),

final as (

    select
        event_id,
        account_id,
        conversation_id,
        agent_id,
        case when step = 'opened' then 'reopened' else step end as event_type,
        case when step = 'handed_off' then 'flow' end as reason,
        cast({{ dbt.date_trunc('second', 'occurred_at') }} as timestamp) as occurred_at
    from followed
    where
        step <> 'opened'
        or previous_step = 'closed'
        or (previous_step is null and is_opened_again)

)

select * from final
