{{ config(meta={'dagster': {'ref': {'name': 'int_contact_identities'}}}) }}

-- The model follows links for a fixed number of rounds. A longer chain would split a contact into two.
select
    links.contact_id,
    links.linked_contact_id
from ({{ union_platforms('contact_links') }}) as links
inner join {{ ref('int_contact_identities') }} as one
    on links.contact_id = one.contact_id
inner join {{ ref('int_contact_identities') }} as other
    on links.linked_contact_id = other.contact_id
where one.canonical_contact_id <> other.canonical_contact_id
