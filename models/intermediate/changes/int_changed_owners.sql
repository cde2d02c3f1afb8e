with

{% if is_increment() -%}
contacts as (

    select * from {{ ref('int_changed_contacts') }}

),

records as (

    select * from {{ ref('int_changed_records') }}

),

new_mentions as (

    select * from {{ ref('int_new_mentions') }}

),

-- A contact that is linked to another contact had its own key before the link.
final as (

    select own_key as owner_key
    from contacts

    union distinct

    select {{ owner_key('null', 'conversation_id', 'null') }} as owner_key
    from records
    where conversation_id is not null

    union distinct

    select {{ owner_key('null', 'null', 'row_id') }} as owner_key
    from new_mentions
    where entity = 'messages'

)

{% else -%}
final as (

    select {{ half_key('null') }} as owner_key
    where 1 = 0

)

{% endif -%}
select * from final
