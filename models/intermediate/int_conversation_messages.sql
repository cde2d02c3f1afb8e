{% set window_seconds = 24 * 60 * 60 %}
{% set message = in_order('sent_at', 'message_id', {
    'is_inbound': "direction = 'inbound'",
    'is_template_of_agent': 'agent_id is not null and template_name is not null',
}) %}
{% set position = in_order('sent_at', 'message_id') %}
{% set position_of_agent = in_order('sent_at', 'message_id', {'agent_id': 'agent_id'}) %}

with

messages as (

    select * from {{ ref('int_messages') }}
    where conversation_id is not null

),

changes as (

    select * from {{ ref('int_status_changes') }}

),

-- Messages by UTC day. Every message but the last of a day is followed by another within 24 hours, so that only the
-- first and the last message of a day need an order.
messages_by_day as (

    select
        conversation_id,
        account_id,
        min({{ message }}) as first_message,
        max({{ message }}) as last_message,
        count(*) as messages,
        count(case when direction = 'inbound' then 1 end) as inbound_messages,
        count(agent_id) as messages_of_agents,
        count(case when is_automated then 1 end) as automated_messages,
        min(case when direction = 'inbound' then {{ position }} end) as first_inbound,
        max(case when agent_id is not null then {{ position_of_agent }} end) as last_by_agent,
        max(case when is_automated then {{ position }} end) as last_automated,
        max(case when direction = 'inbound' then sent_at end) as last_inbound_at
    from messages
    group by conversation_id, account_id, cast(sent_at as date)

),

days_with_next as (

    select
        messages_by_day.*,
        row_number() over day_order as day_number,
        lead(first_message.at) over day_order as next_sent_at
    from messages_by_day
    window day_order as (
        partition by conversation_id
        order by first_message.at
    )

),

totals as (

    select
        conversation_id,
        account_id,
        max(
            case when day_number = 1 and first_message.is_template_of_agent then first_message.id end
        ) as opening_template_id,
        cast(sum(messages) as bigint) as messages,
        cast(sum(inbound_messages) as bigint) as inbound_messages,
        cast(sum(messages_of_agents) as bigint) as messages_of_agents,
        cast(sum(automated_messages) as bigint) as automated_messages,
        max(case when day_number = 1 and first_message.is_inbound then 1 else 0 end) = 1 as is_begun_by_contact,
        min(first_inbound) as first_inbound,
        max(last_by_agent) as last_by_agent,
        max(last_automated) as last_automated,
        max(last_inbound_at) as last_inbound_at,
        max(last_message.at) as last_message_at
    from days_with_next
    group by conversation_id, account_id

),

-- Inbound messages without a following message within 24 hours.
unfollowed_messages as (

    select
        conversation_id,
        last_message.at as sent_at,
        next_sent_at is null as is_last
    from days_with_next
    where
        last_message.is_inbound
        and (
            next_sent_at is null
            or {{ seconds_between('last_message.at', 'next_sent_at') }} >= {{ window_seconds }}
        )

),

-- A close also ends the customer service window.
windows as (

    select
        unfollowed_messages.conversation_id,
        count(case when not unfollowed_messages.is_last then 1 end) as windows_expired,
        max(case when unfollowed_messages.is_last then 1 else 0 end) = 1 as is_last_window_running
    from unfollowed_messages
    left join changes
        on
            unfollowed_messages.conversation_id = changes.conversation_id
            and changes.change = 'closed'
            and unfollowed_messages.sent_at <= changes.changed_at
            and {{ dbt.dateadd('second', window_seconds, 'unfollowed_messages.sent_at') }} > changes.changed_at
    where changes.conversation_id is null
    group by unfollowed_messages.conversation_id

),

agents as (

    select
        conversation_id,
        agent_id,
        count(*) as messages,
        min(message_id) as message_id
    from messages
    where agent_id is not null
    group by conversation_id, agent_id

),

-- An agent who sent only the template that opened the conversation has not replied.
replying_agents as (

    select
        agents.conversation_id,
        count(*) as agents_replied
    from agents
    inner join totals
        on agents.conversation_id = totals.conversation_id
    where
        agents.messages > 1
        or agents.message_id <> totals.opening_template_id
        or totals.opening_template_id is null
    group by agents.conversation_id

),

final as (

    select
        totals.conversation_id,
        totals.account_id,
        totals.opening_template_id,
        totals.messages,
        totals.inbound_messages,
        totals.messages - totals.inbound_messages as outbound_messages,
        totals.messages_of_agents
        - case when totals.opening_template_id is not null then 1 else 0 end as agent_messages,
        totals.automated_messages,
        coalesce(replying_agents.agents_replied, 0) as agents_replied,
        coalesce(windows.windows_expired, 0) as windows_expired,
        case
            when totals.last_by_agent.id <> totals.opening_template_id or totals.opening_template_id is null
                then totals.last_by_agent.agent_id
        end as last_agent_id,
        case
            when totals.first_inbound is null then null
            when {{ is_after('totals.last_by_agent', 'totals.first_inbound') }} then 'agent'
            when {{ is_after('totals.last_automated', 'totals.first_inbound') }} then 'automation'
            else 'nobody'
        end as handled_by,
        totals.is_begun_by_contact,
        coalesce(windows.is_last_window_running, false) as is_last_window_running,
        totals.first_inbound.at as first_inbound_at,
        totals.last_inbound_at,
        totals.last_message_at
    from totals
    left join replying_agents
        on totals.conversation_id = replying_agents.conversation_id
    left join windows
        on totals.conversation_id = windows.conversation_id

)

select * from final
