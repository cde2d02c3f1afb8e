-- noqa: disable=LT02
with

{% if is_increment() -%}
messages as (

    select * from {{ ref('int_incoming_messages') }}

),

final as (

    {{ few_rows_of(as_built('int_messages'), ['message_id in (select message_id from messages)']) }}

)

{% else -%}
final as (

    select cast(null as {{ dbt.type_string() }}) as message_id
    where 1 = 0

)

{% endif -%}

select * from final
