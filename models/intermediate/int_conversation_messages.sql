{{ config(materialized='incremental', incremental_strategy='replace_touched', unique_key='conversation_id') }}

{% set window_seconds = 24 * 60 * 60 %}

with

messages as (

    select * from {{ ref('int_messages') }}
    where
        conversation_id is not null
        and {{ is_touched_message() }}

),

-- Of all messages, whichever are touched.
data_through as (

    select
        account_id,
        max(sent_at) as data_through_at
    from {{ ref('int_messages') }}
    group by account_id

),

ordered as (

    select
        conversation_id,
        account_id,
        agent_id,
        message_id,
        template_name,
        row_number() over message_order as message_number,
        is_inbound,
        is_automated,
        sent_at,
        lead(sent_at) over message_order as next_sent_at
    from messages
    window message_order as (
        partition by conversation_id
        order by sent_at, length(message_id), message_id
    )

),

marked as (

    select
        ordered.*,
        ordered.agent_id is not null
        and ordered.template_name is not null
        and ordered.message_number = 1 as is_opening_template,
        -- The customer service window ran out unanswered: nothing followed in time, or nothing yet though time is over.
        ordered.is_inbound
        and {{ seconds_between('ordered.sent_at', 'coalesce(ordered.next_sent_at, data_through.data_through_at)') }}
        >= {{ window_seconds }} as is_window_missed
    from ordered
    inner join data_through
        on ordered.account_id = data_through.account_id

),

final as (

    select
        conversation_id,
        account_id,
        max(case when is_opening_template then message_id end) as opening_template_id,
        count(*) as messages,
        count(case when is_inbound then 1 end) as inbound_messages,
        count(case when not is_inbound then 1 end) as outbound_messages,
        count(case when agent_id is not null and not is_opening_template then 1 end) as agent_messages,
        count(case when is_automated then 1 end) as automated_messages,
        count(distinct case when not is_opening_template then agent_id end) as agents_replied,
        count(case when is_window_missed then 1 end) as windows_missed,
        max(case when message_number = 1 and is_inbound then 1 else 0 end) = 1 as is_begun_by_contact,
        min(case when is_inbound then sent_at end) as first_inbound_at,
        max(sent_at) as last_message_at
    from marked
    group by conversation_id, account_id

)

select * from final
