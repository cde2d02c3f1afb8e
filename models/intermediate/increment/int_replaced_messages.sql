-- noqa: disable=LT02
with

{% if is_increment() -%}
messages as (

    {{ incoming('messages') }}

),

touched_contacts as (

    select * from {{ ref('int_touched_contacts') }}

),

touched_conversations as (

    select * from {{ ref('int_touched_conversations') }}

),

built_messages as (

    select * from {{ as_built('int_messages') }}

),

final as (

    select *
    from built_messages
    where
        conversation_id in (select conversation_id from touched_conversations)
        or (
            conversation_id is null
            and contact_id in (select contact_id from touched_contacts)
        )
        or message_id in (select message_id from messages)

)

{% else -%}
final as (

    select cast(null as {{ dbt.type_string() }}) as message_id
    where 1 = 0

)

{% endif -%}

select * from final
