{{ config(materialized='view') }}

with

messages as (

    {{ union_platforms('messages') }}

),

identities as (

    select * from {{ ref('int_contact_identities') }}

),

-- From its start on a conversation is its contact's current one, until the next begins. (The conversations are read
-- where they are needed: as a CTE, the engine would copy all of them.)
periods as (

    select
        conversation_id,
        contact_id,
        started_at,
        lead(started_at) over (
            partition by contact_id
            order by started_at, length(source_conversation_id), source_conversation_id
        ) as next_started_at
    from {{ ref('int_conversations') }}

),

-- A message that names no conversation belongs to the one of its contact that was current when it was sent.
joined as (

    select
        messages.*,
        coalesce(messages.conversation_id, periods.conversation_id) as joined_conversation_id
    from messages
    left join periods
        on
            case when messages.conversation_id is null then messages.contact_id end = periods.contact_id
            and messages.sent_at >= periods.started_at
            and (
                messages.sent_at < periods.next_started_at
                or periods.next_started_at is null
            )

),

-- A message belongs to the contact of its conversation; only where that is unknown, to the contact that it names.
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
