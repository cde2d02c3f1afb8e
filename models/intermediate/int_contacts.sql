with

contacts as (

    {{ union_platforms('contacts') }}

),

conversations as (

    select * from {{ ref('int_conversations') }}

),

messages as (

    select * from {{ ref('int_messages') }}

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

exploded as (

    select
        contact_id,
        {{ explode_list('tags') }} as tag
    from contacts

),

named as (

    select
        contact_id,
        trim(coalesce(tag.name, tag.id)) as tag
    from exploded

),

tags as (

    select
        contact_id,
        {{ sorted_list('tag') }} as contact_tags
    from named
    where tag <> ''
    group by contact_id

),

final as (

    select
        seen.contact_id,
        {{ keyed_hash('seen.contact_id') }} as contact_key,
        seen.account_id,
        contacts.source,
        coalesce(tags.contact_tags, {{ empty_text_list() }}) as contact_tags,
        contacts.created_at
    from seen
    left join contacts
        on seen.contact_id = contacts.contact_id
    left join tags
        on seen.contact_id = tags.contact_id

)

select * from final
