-- The contacts whose rows can change: those that new records name, and those of conversations that change by time
-- alone.
with

{% if is_increment() -%}
named_contacts as (

    select * from {{ ref('int_named_contacts') }}

),

identities as (

    select * from {{ ref('int_contact_identities') }}

),

final as (

    select
        contact_id,
        account_id,
        own_key
    from named_contacts

    union distinct

    select
        contact_id,
        account_id,
        own_key
    from identities
    where owner_key in (select owner_key from {{ ref('int_timed_conversations') }})

)

{% else -%}
final as (

    {{ no_rows({'contact_id': 'text', 'account_id': 'text', 'own_key': 'owner'}) }}

)

{% endif -%}
select * from final
