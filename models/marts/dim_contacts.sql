{{ config(unique_key='contact_key') }}

with

contacts as (

    {{ union_platforms('contacts') }}

),

identities as (

    select * from {{ ref('int_contact_identities') }}

),

conversations as (

    select * from {{ ref('int_conversations') }}

),

messages as (

    select * from {{ ref('fct_messages') }}
    where {{ is_changed() }}

),

tags as (

    select * from {{ ref('int_tags') }}

),

exported_contacts as (

    select
        identities.contact_key,
        contacts.account_id,
        contacts.source,
        contacts.tags,
        contacts.created_at
    from contacts
    inner join identities
        on contacts.contact_id = identities.contact_id

),

exploded as (

    select
        contact_key,
        account_id,
        {{ explode_list('tags') }} as tag
    from exported_contacts

),

named_tags as (

    select distinct
        exploded.contact_key,
        tags.tag
    from exploded
    inner join tags
        on
            exploded.account_id = tags.account_id
            and {{ tag_key("'contact'", 'exploded.tag.id', 'coalesce(exploded.tag.name, exploded.tag.id)') }}
            = tags.tag_key

),

tag_lists as (

    select
        contact_key,
        {{ sorted_list('tag') }} as contact_tags
    from named_tags
    group by contact_key

),

-- Everyone in a conversation or message is a contact, even if the export of contacts does not contain them.
all_contacts as (

    select
        contact_key,
        account_id
    from exported_contacts

    union distinct

    select
        contact_key,
        account_id
    from conversations
    where contact_key is not null

    union distinct

    select
        contact_key,
        account_id
    from messages
    where contact_key is not null

),

contacts_with_owner as (

    select
        all_contacts.contact_key,
        all_contacts.account_id,
        {{ half_key('all_contacts.contact_key') }} as owner_key,
        exported_contacts.source,
        {{ build_id() }} as build_id,
        coalesce(tag_lists.contact_tags, {{ empty_text_list() }}) as contact_tags,
        exported_contacts.created_at
    from all_contacts
    left join exported_contacts
        on all_contacts.contact_key = exported_contacts.contact_key
    left join tag_lists
        on all_contacts.contact_key = tag_lists.contact_key

),

final as (

    select * from contacts_with_owner
    where {{ is_changed() }}

)

select * from final
