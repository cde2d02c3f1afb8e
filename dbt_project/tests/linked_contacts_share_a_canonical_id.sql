{{ config(meta={'dagster': {'ref': {'name': 'int_contact_identities'}}}) }}

-- Detects chains of links that are longer than the iterations of the model.
select
    links.contact_id,
    links.linked_contact_id
from ({{ union_platforms('contact_links') }}) as links
inner join {{ ref('int_contact_identities') }} as one
    on links.contact_id = one.contact_id
inner join {{ ref('int_contact_identities') }} as other
    on links.linked_contact_id = other.contact_id
where one.canonical_contact_id <> other.canonical_contact_id
