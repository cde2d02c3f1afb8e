-- noqa: disable=LT02
with

{% if is_increment() -%}
concerned as (

    select * from {{ ref('int_concerned_conversations') }}

),

conversations as (

    select * from {{ ref('int_incoming_conversations') }}

),

messages as (

    select * from {{ ref('int_incoming_messages') }}

),

known_messages as (

    select * from {{ ref('int_known_messages') }}

),

contacts as (

    select * from {{ ref('int_incoming_contacts') }}

),

built_contacts as (

    select * from {{ as_built('int_contacts') }}

),

-- A message that names no conversation may join another: where it comes or changes itself, and where a conversation comes,
-- goes or begins at another time. (The conversations are named wherever they are read: as a CTE, the engine would put all of
-- them aside.)
begun as (

    select
        contact_id,
        started_at
    from conversations

    union distinct

    select
        contact_id,
        started_at
    from {{ as_built('int_conversations') }} as built_conversations
    where conversation_id in (select conversation_id from conversations)

),

regrouped as (

    select
        contact_id,
        sent_at as changed_at
    from messages
    where conversation_id is null

    union all

    select
        contact_id,
        sent_at as changed_at
    from known_messages
    where not names_conversation

    union all

    select
        contact_id,
        started_at as changed_at
    from begun
    where contact_id in (
        select contact_id from {{ as_built('int_messages') }}
        where not names_conversation
    )

),

first_changes as (

    select
        contact_id,
        min(changed_at) as changed_at
    from regrouped
    group by contact_id

),

-- What was current just before may lose or gain messages; what ended before that does not.
current_before as (

    select
        built_conversations.contact_id,
        max(built_conversations.started_at) as started_at
    from {{ as_built('int_conversations') }} as built_conversations
    inner join first_changes
        on
            built_conversations.contact_id = first_changes.contact_id
            and built_conversations.started_at < first_changes.changed_at
    group by built_conversations.contact_id

),

retagged as (

    select contacts.contact_id
    from contacts
    left join built_contacts
        on contacts.contact_id = built_contacts.contact_id
    where contacts.tags is distinct from built_contacts.tags

),

final as (

    select
        conversation_id,
        account_id
    from concerned

    union distinct

    select
        built_conversations.conversation_id,
        built_conversations.account_id
    from {{ as_built('int_conversations') }} as built_conversations
    inner join first_changes
        on built_conversations.contact_id = first_changes.contact_id
    left join current_before
        on built_conversations.contact_id = current_before.contact_id
    where
        built_conversations.started_at >= current_before.started_at
        or current_before.started_at is null

    union distinct

    select
        conversation_id,
        account_id
    from {{ as_built('int_conversations') }} as built_conversations
    where contact_id in (select contact_id from retagged)

)

{% else -%}
final as (

    select
        cast(null as {{ dbt.type_string() }}) as conversation_id,
        cast(null as {{ dbt.type_string() }}) as account_id
    where 1 = 0

)

{% endif -%}

select * from final
