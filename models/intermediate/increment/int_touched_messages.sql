-- noqa: disable=LT02
with

{% if is_increment() -%}
files as (

    select * from {{ ref('stg_ingest__files') }}

),

incoming_messages as (

    select * from {{ ref('int_incoming_messages') }}

),

replaced_messages as (

    select * from {{ ref('int_replaced_messages') }}

),

opening_templates as (

    select opening_template_id
    from {{ ref('int_conversation_messages') }}
    group by opening_template_id

),

touched as (

    select message_id
    from incoming_messages

    union distinct

    select message_id
    from replaced_messages

),

messages as (

    select * from {{ ref('int_messages') }}
    where
        built_batch_id in (select max(batch_id) from files)
        and (
            message_id in (select message_id from touched)
            or message_id is null
        )

),

final as (

    {{ message_facts('messages', 'opening_templates') }}

)

{% else -%}
final as (

    select cast(null as {{ dbt.type_string() }}) as message_id
    where 1 = 0

)

{% endif -%}

select * from final
