-- noqa: disable=LT02
with

{% if is_increment() -%}
concerned as (

    select * from {{ ref('int_concerned_conversations') }}

),

conversations as (

    {{ incoming('conversations') }}

),

messages as (

    {{ incoming('messages') }}

),

contacts as (

    {{ incoming('contacts') }}

),

built_conversations as (

    select * from {{ as_built('int_conversations') }}

),

built_messages as (

    select * from {{ as_built('int_messages') }}

),

built_contacts as (

    select * from {{ as_built('int_contacts') }}

),

-- Where a conversation comes, goes or begins at another time, messages that name none may join another.
begun as (

    select contact_id
    from conversations

    union distinct

    select contact_id
    from built_conversations
    where conversation_id in (select conversation_id from conversations)

),

regrouped as (

    select contact_id
    from messages
    where conversation_id is null

    union distinct

    select contact_id
    from built_messages
    where
        not names_conversation
        and (
            contact_id in (select contact_id from begun)
            or message_id in (select message_id from messages)
        )

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
        conversation_id,
        account_id
    from built_conversations
    where
        contact_id in (select contact_id from regrouped)
        or contact_id in (select contact_id from retagged)

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
