{{ config(materialized='incremental', incremental_strategy='replace_touched', unique_key='contact_id') }}

{% set touched -%}
    (
        select * from {{ this }}
        where contact_id in (select contact_id from {{ increment_ref('int_touched_contacts') }})
    )
{%- endset %}

with

contacts as (

    {{ latest_record('contacts', touched) }}

),

conversations as (

    select * from {{ ref('int_conversations') }}
    where {{ is_touched('contact_id', 'int_touched_contacts') }}

),

messages as (

    select * from {{ ref('int_messages') }}
    where {{ is_touched('contact_id', 'int_touched_contacts') }}

),

-- Whoever took part is a contact, whether or not the contacts were exported.
seen as (

    select
        contact_id,
        account_id
    from contacts

    union distinct

    select
        contact_id,
        account_id
    from conversations
    where contact_id is not null

    union distinct

    select
        contact_id,
        account_id
    from messages
    where contact_id is not null

),

final as (

    select
        seen.contact_id,
        {{ keyed_hash('seen.contact_id') }} as contact_key,
        seen.account_id,
        contacts.source,
        contacts.tags,
        {{ tag_names('contacts.tags') }} as contact_tags,
        contacts.file_id,
        contacts.line,
        contacts.position,
        contacts.contact_id is not null as is_exported,
        contacts.created_at,
        contacts.version_at
    from seen
    left join contacts
        on seen.contact_id = contacts.contact_id

)

select * from final
