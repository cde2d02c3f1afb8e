{{ config(materialized='view') }}

with

messages as (

    {{ union_platforms('messages') }}

),

identities as (

    select * from {{ ref('int_contact_identities') }}

),

-- A conversation is the current one of its contact from its start until the next one starts. The model has no import
-- CTE for the conversations, because the engine would copy all of them.
current_periods as (

    select
        conversation_id,
        contact_id,
        started_at,
        lead(started_at) over (
            partition by contact_id
            order by started_at, length(source_conversation_id), source_conversation_id
        ) as next_started_at
    from {{ ref('int_conversations') }}
    where contact_id is not null

),

conversation_steps as (

    select
        conversation_id,
        'begun' as step,
        started_at as step_at
    from current_periods

    union all

    select
        conversation_id,
        change as step,
        changed_at as step_at
    from {{ ref('int_status_changes') }}

),

spans as (

    select
        conversation_id,
        step,
        step_at,
        lead(step_at) over (
            partition by conversation_id
            order by step_at, step
        ) as next_step_at
    from conversation_steps

),

-- A message can join a closed conversation for 24 hours, and an open one as long as it is the current one.
joinable_periods as (

    select
        current_periods.conversation_id,
        current_periods.contact_id,
        spans.step_at as joins_from_at,
        least(spans.next_step_at, current_periods.next_started_at) as joins_before_at,
        case when spans.step = 'closed' then {{ dbt.dateadd('hour', 24, 'spans.step_at') }} end as joins_until_at
    from spans
    inner join current_periods
        on spans.conversation_id = current_periods.conversation_id

),

-- A message that names no conversation joins the one that was current for its contact when it was sent.
joined as (

    select
        messages.*,
        coalesce(messages.conversation_id, joinable_periods.conversation_id) as joined_conversation_id
    from messages
    left join joinable_periods
        on
            case when messages.conversation_id is null then messages.contact_id end = joinable_periods.contact_id
            and messages.sent_at >= joinable_periods.joins_from_at
            and (
                messages.sent_at < joinable_periods.joins_before_at
                or joinable_periods.joins_before_at is null
            )
            and (
                messages.sent_at <= joinable_periods.joins_until_at
                or joinable_periods.joins_until_at is null
            )

),

-- A message belongs to the contact of its conversation. If the conversation is unknown, it belongs to the contact that
-- it names.
final as (

    select
        joined.message_id,
        joined.account_id,
        joined.source_message_id,
        joined.joined_conversation_id as conversation_id,
        coalesce(conversations.contact_key, identities.contact_key) as contact_key,
        case
            when conversations.conversation_id is not null then conversations.owner_key
            else coalesce(
                    identities.owner_key, {{ owner_key('null', 'joined.joined_conversation_id', 'joined.message_id') }}
                )
        end as owner_key,
        joined.agent_id,
        joined.direction,
        joined.source,
        joined.message_type,
        joined.delivery_status,
        joined.template_name,
        joined.error_code,
        joined.pricing_category,
        joined.is_automated,
        joined.is_billable,
        conversations.conversation_id is not null as has_conversation,
        joined.sent_at,
        joined.delivered_at,
        joined.read_at,
        joined.failed_at
    from joined
    left join {{ ref('int_conversations') }} as conversations
        on joined.joined_conversation_id = conversations.conversation_id
    left join identities
        on case when conversations.contact_key is null then joined.contact_id end = identities.contact_id

)

select * from final
