-- noqa: disable=LT02
with

{% if is_increment() -%}
messages as (

    select * from {{ ref('int_incoming_messages') }}

),

touched_contacts as (

    select * from {{ ref('int_touched_contacts') }}

),

touched_conversations as (

    select * from {{ ref('int_touched_conversations') }}

),

-- Of the messages of which a version came, the conversation is touched, or else the contact; where neither is known, nothing
-- but the message itself tells.
final as (

    {{ few_rows_of(as_built('int_messages'), [
        'conversation_id in (select conversation_id from touched_conversations)',
        'conversation_id is null and contact_id in (select contact_id from touched_contacts)',
        'conversation_id is null and contact_id is null and message_id in (select message_id from messages)',
    ]) }}

)

{% else -%}
final as (

    select cast(null as {{ dbt.type_string() }}) as message_id
    where 1 = 0

)

{% endif -%}

select * from final
