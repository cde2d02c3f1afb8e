{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key='message_id',
    partition_by='sent_on',
) }}

with

messages as (

    {{ latest_record('messages', increment_ref('int_replaced_messages')) }}

),

calendar as (

    select * from {{ ref('int_calendar') }}

),

files as (

    select * from {{ ref('stg_ingest__files') }}

),

-- From its start on a conversation is its contact's current one, until the next begins. (The conversations are named
-- wherever they are read: as a CTE, the engine would put all of them aside.)
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
    where {{ is_touched('contact_id', 'int_touched_contacts') }}

),

-- A message that names no conversation belongs to the one of its contact that was current when it was sent.
addressed as (

    select
        messages.*,
        coalesce(messages.conversation_id, periods.conversation_id) as addressed_conversation_id
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

final as (

    select
        addressed.message_id,
        addressed.account_id,
        addressed.addressed_conversation_id as conversation_id,
        coalesce(addressed.contact_id, conversations.contact_id) as contact_id,
        -- Almost always the contact of the conversation, whose key is made once.
        case
            when coalesce(addressed.contact_id, conversations.contact_id) = conversations.contact_id
                then conversations.contact_key
            else {{ keyed_hash('addressed.contact_id') }}
        end as contact_key,
        addressed.agent_id,
        addressed.agent_name,
        addressed.source,
        addressed.message_type,
        addressed.delivery_status,
        addressed.template_name,
        addressed.error_code,
        addressed.pricing_category,
        (select max(files.batch_id) from files) as built_batch_id,
        addressed.file_id,
        addressed.line,
        addressed.position,
        calendar.local_hour as sent_hour,
        addressed.is_inbound,
        addressed.is_automated,
        addressed.is_billable,
        addressed.conversation_id is not null as names_conversation,
        addressed.contact_id is not null as names_contact,
        conversations.conversation_id is not null as has_conversation,
        calendar.local_on as sent_on,
        addressed.sent_at,
        addressed.delivered_at,
        addressed.read_at,
        addressed.failed_at,
        addressed.version_at
    from addressed
    left join {{ ref('int_conversations') }} as conversations
        on addressed.addressed_conversation_id = conversations.conversation_id
    left join calendar
        on {{ on_calendar('calendar', 'addressed.account_id', 'addressed.sent_at') }}

)

select * from final
