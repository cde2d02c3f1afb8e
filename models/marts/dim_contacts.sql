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

exported as (

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
    from exported

),

tagged as (

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

lists_of_tags as (

    select
        contact_key,
        {{ sorted_list('tag') }} as contact_tags
    from tagged
    group by contact_key

),

-- Everyone who took part is a contact, whether or not the contacts were exported.
seen as (

    select
        contact_key,
        account_id
    from exported

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

owned as (

    select
        seen.contact_key,
        seen.account_id,
        {{ half_key('seen.contact_key') }} as owner_key,
        exported.source,
        {{ build_id() }} as build_id,
        coalesce(lists_of_tags.contact_tags, {{ empty_text_list() }}) as contact_tags,
        exported.created_at
    from seen
    left join exported
        on seen.contact_key = exported.contact_key
    left join lists_of_tags
        on seen.contact_key = lists_of_tags.contact_key

),

final as (

    select * from owned
    where {{ is_changed() }}

)

select * from final
