-- noqa: disable=LT02
with

{% if is_increment() -%}
concerned as (

    select * from {{ ref('int_concerned_conversations') }}

),

touched_contacts as (

    select * from {{ ref('int_touched_contacts') }}

),

built_conversations as (

    select * from {{ as_built('int_conversations') }}

),

final as (

    select
        conversation_id,
        account_id
    from concerned

    union distinct

    -- Which of its contact's conversations a message joins depends on when the others began.
    select
        conversation_id,
        account_id
    from built_conversations
    where contact_id in (select contact_id from touched_contacts)

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
