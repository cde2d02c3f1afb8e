-- The contacts that new records name, directly or through a conversation, and those linked to them.
with

{% if is_increment() -%}
new_mentions as (

    select * from {{ ref('int_new_mentions') }}

),

identities as (

    select * from {{ ref('int_contact_identities') }}

),

-- A new version of a conversation can change the owner of all its records.
mentioned_contacts as (

    select contact_id
    from new_mentions

    union distinct

    select contact_id
    from {{ ref('int_mentions') }}
    where conversation_id in (select conversation_id from new_mentions)

),

canonical_contacts as (

    select distinct identities.canonical_contact_id
    from identities
    inner join mentioned_contacts
        on identities.contact_id = mentioned_contacts.contact_id

),

final as (

    select
        contact_id,
        account_id,
        own_key
    from identities
    where canonical_contact_id in (select canonical_contact_id from canonical_contacts)

)

{% else -%}
final as (

    {{ no_rows({'contact_id': 'text', 'account_id': 'text', 'own_key': 'owner'}) }}

)

{% endif -%}
select * from final
