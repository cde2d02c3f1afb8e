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

contacts as (

    select * from {{ ref('int_incoming_contacts') }}

),

built_conversations as (

    select * from {{ as_built('int_conversations') }}

),

known_messages as (

    select * from {{ ref('int_known_messages') }}

),

touched as (

    select
        contact_id,
        account_id
    from contacts

    union distinct

    select
        contact_id,
        account_id
    from conversations

    union distinct

    select
        contact_id,
        account_id
    from messages

    union distinct

    select
        contact_id,
        account_id
    from built_conversations
    where conversation_id in (select conversation_id from concerned)

    union distinct

    select
        contact_id,
        account_id
    from known_messages

),

final as (

    select
        contact_id,
        {{ keyed_hash('contact_id') }} as contact_key,
        account_id
    from touched
    where contact_id is not null

)

{% else -%}
final as (

    select
        cast(null as {{ dbt.type_string() }}) as contact_id,
        cast(null as {{ dbt.type_string() }}) as contact_key,
        cast(null as {{ dbt.type_string() }}) as account_id
    where 1 = 0

)

{% endif -%}

select * from final
