{% set window_seconds = 24 * 60 * 60 %}

with

messages as (

    select * from {{ ref('int_messages') }}

),

data_through as (

    select
        account_id,
        max(sent_at) as data_through_at
    from messages
    group by account_id

),

-- The customer service window ran out unanswered: nothing followed in time, or nothing yet though the time is over.
marked as (

    select
        messages.*,
        messages.is_inbound
        and {{ seconds_between('messages.sent_at', 'coalesce(messages.next_sent_at, data_through.data_through_at)') }}
        >= {{ window_seconds }} as is_window_missed
    from messages
    inner join data_through
        on messages.account_id = data_through.account_id
    where messages.has_conversation

),

final as (

    select
        conversation_id,
        account_id,
        count(*) as messages,
        count(case when is_inbound then 1 end) as inbound_messages,
        count(case when not is_inbound then 1 end) as outbound_messages,
        count(case when is_agent_message then 1 end) as agent_messages,
        count(case when is_automated then 1 end) as automated_messages,
        count(distinct case when is_agent_message then agent_id end) as agents_replied,
        count(case when is_window_missed then 1 end) as windows_missed,
        max(case when message_number = 1 and is_inbound then 1 else 0 end) = 1 as is_begun_by_contact,
        min(case when is_inbound then sent_at end) as first_inbound_at,
        max(sent_at) as last_message_at
    from marked
    group by conversation_id, account_id

)

select * from final
