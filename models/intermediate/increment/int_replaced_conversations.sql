-- noqa: disable=LT02
with

{% if is_increment() -%}
touched_conversations as (

    select * from {{ ref('int_touched_conversations') }}

),

final as (

    {{ few_rows_of(
        as_built('fct_conversations', 'marts'),
        ['conversation_id in (select conversation_id from touched_conversations)'],
    ) }}

)

{% else -%}
final as (

    select
        cast(null as {{ dbt.type_string() }}) as conversation_id
    where 1 = 0

)

{% endif -%}

select * from final
