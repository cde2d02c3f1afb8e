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

final as (

    {% set was_touched -%}
        conversation_id in (select conversation_id from touched_conversations)
        or (
            conversation_id is null
            and contact_id in (select contact_id from touched_contacts)
        )
        or message_id in (select message_id from messages)
    {%- endset -%}
    {{ few_rows_of(as_built('int_messages'), was_touched) }}

)

{% else -%}
final as (

    select cast(null as {{ dbt.type_string() }}) as message_id
    where 1 = 0

)

{% endif -%}

select * from final
