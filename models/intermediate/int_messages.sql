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
currents as (

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

steps as (

    select
        conversation_id,
        'begun' as step,
        started_at as step_at
    from currents

    union all

    select
        conversation_id,
        change as step,
        changed_at as step_at
    from {{ ref('int_status_changes') }}

),

followed as (

    select
        conversation_id,
        step,
        step_at,
        lead(step_at) over (
            partition by conversation_id
            order by step_at, step
        ) as next_step_at
    from steps

),

-- A message can join a closed conversation for a day, and an open one as long as it is its contact's current one.
periods as (

    select
        currents.conversation_id,
        currents.contact_id,
        followed.step_at as joins_from_at,
        least(followed.next_step_at, currents.next_started_at) as joins_before_at,
        case when followed.step = 'closed' then {{ dbt.dateadd('hour', 24, 'followed.step_at') }} end as joins_until_at
    from followed
    inner join currents
        on followed.conversation_id = currents.conversation_id

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
            and messages.sent_at >= periods.joins_from_at
            and (
                messages.sent_at < periods.joins_before_at
                or periods.joins_before_at is null
            )
            and (
                messages.sent_at <= periods.joins_until_at
                or periods.joins_until_at is null
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
