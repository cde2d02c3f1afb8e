with

messages as (

    {{ union_platforms('messages') }}

),

conversations as (

    select * from {{ ref('int_conversations') }}

),

calendar as (

    select * from {{ ref('int_calendar') }}

),

-- A message that names no conversation belongs to the one of its contact that was current when it was sent.
addressed as (

    select
        messages.*,
        coalesce(messages.conversation_id, current_conversations.conversation_id) as addressed_conversation_id
    from messages
    left join conversations as current_conversations
        on
            case when messages.conversation_id is null then messages.contact_id end
            = current_conversations.contact_id
            and messages.sent_at >= current_conversations.started_at
            and (
                messages.sent_at < current_conversations.next_started_at
                or current_conversations.next_started_at is null
            )

),

sequenced as (

    select
        addressed.*,
        row_number() over conversation_order as message_number,
        lead(addressed.sent_at) over conversation_order as next_sent_at
    from addressed
    window conversation_order as (
        partition by
            addressed.addressed_conversation_id,
            case when addressed.addressed_conversation_id is null then addressed.message_id end
        order by addressed.sent_at, length(addressed.source_message_id), addressed.source_message_id
    )

),

final as (

    select
        sequenced.message_id,
        sequenced.account_id,
        sequenced.source_message_id,
        sequenced.addressed_conversation_id as conversation_id,
        coalesce(sequenced.contact_id, conversations.contact_id) as contact_id,
        sequenced.agent_id,
        sequenced.agent_name,
        sequenced.direction,
        sequenced.source,
        sequenced.message_type,
        sequenced.delivery_status,
        sequenced.template_name,
        sequenced.error_code,
        sequenced.pricing_category,
        sequenced.message_number,
        calendar.local_hour as sent_hour,
        {{ working_seconds_at('calendar', 'sequenced.sent_at') }} as working_seconds_at_sending,
        sequenced.is_inbound,
        sequenced.agent_id is not null
        and not (sequenced.template_name is not null and sequenced.message_number = 1) as is_agent_message,
        sequenced.is_automated,
        sequenced.is_billable,
        conversations.conversation_id is not null as has_conversation,
        calendar.local_on as sent_on,
        sequenced.sent_at,
        sequenced.next_sent_at,
        sequenced.delivered_at,
        sequenced.read_at,
        sequenced.failed_at
    from sequenced
    left join conversations
        on sequenced.addressed_conversation_id = conversations.conversation_id
    left join calendar
        on {{ on_calendar('calendar', 'sequenced.account_id', 'sequenced.sent_at') }}

)

select * from final
