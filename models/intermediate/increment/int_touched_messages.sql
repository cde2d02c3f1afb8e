-- noqa: disable=LT02
with

{% if is_increment() -%}
incoming_messages as (

    {{ incoming('messages') }}

),

replaced_messages as (

    select * from {{ ref('int_replaced_messages') }}

),

final as (

    select message_id
    from incoming_messages

    union distinct

    select message_id
    from replaced_messages

)

{% else -%}
final as (

    select cast(null as {{ dbt.type_string() }}) as message_id
    where 1 = 0

)

{% endif -%}

select * from final
