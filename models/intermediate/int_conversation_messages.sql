{% set window_seconds = 24 * 60 * 60 %}
{% set message = in_order('sent_at', 'message_id', {'is_inbound': "direction = 'inbound'"}) %}

with

messages as (

    select * from {{ ref('fct_messages') }}
    where
        has_conversation
        and {{ is_changed() }}

),

data_through as (

    select * from {{ ref('int_data_through') }}

),

-- By days of UTC: all but the last message of a day are followed within 24 hours, so that they need no order.
by_day as (

    select
        conversation_id,
        account_id,
        min({{ message }}) as first_message,
        max({{ message }}) as last_message,
        count(*) as messages,
        count(case when direction = 'inbound' then 1 end) as inbound_messages,
        count(case when is_agent_message then 1 end) as agent_messages,
        count(case when is_automated then 1 end) as automated_messages,
        min(case when direction = 'inbound' then sent_at end) as first_inbound_at
    from messages
    group by conversation_id, account_id, cast(sent_at as date)

),

followed as (

    select
        by_day.*,
        row_number() over day_order as day_number,
        lead(first_message.at) over day_order as next_sent_at
    from by_day
    window day_order as (
        partition by conversation_id
        order by first_message.at
    )

),

-- The customer service window ran out unanswered: nothing followed in time, or nothing yet though time is over.
windows as (

    select
        followed.*,
        followed.last_message.is_inbound
        and {{ seconds_between(
            'followed.last_message.at',
            'coalesce(followed.next_sent_at, data_through.data_through_at)',
        ) }}
        >= {{ window_seconds }} as is_window_missed
    from followed
    inner join data_through
        on followed.account_id = data_through.account_id

),

summed as (

    select
        conversation_id,
        account_id,
        cast(sum(messages) as bigint) as messages,
        cast(sum(inbound_messages) as bigint) as inbound_messages,
        cast(sum(agent_messages) as bigint) as agent_messages,
        cast(sum(automated_messages) as bigint) as automated_messages,
        count(case when is_window_missed then 1 end) as windows_missed,
        max(case when day_number = 1 and first_message.is_inbound then 1 else 0 end) = 1 as is_begun_by_contact,
        min(first_inbound_at) as first_inbound_at,
        max(last_message.at) as last_message_at
    from windows
    group by conversation_id, account_id

),

agents as (

    select distinct
        conversation_id,
        agent_id
    from messages
    where is_agent_message

),

replied as (

    select
        conversation_id,
        count(*) as agents_replied
    from agents
    group by conversation_id

),

final as (

    select
        summed.conversation_id,
        summed.account_id,
        summed.messages,
        summed.inbound_messages,
        summed.messages - summed.inbound_messages as outbound_messages,
        summed.agent_messages,
        summed.automated_messages,
        coalesce(replied.agents_replied, 0) as agents_replied,
        summed.windows_missed,
        summed.is_begun_by_contact,
        summed.first_inbound_at,
        summed.last_message_at
    from summed
    left join replied
        on summed.conversation_id = replied.conversation_id

)

select * from final
