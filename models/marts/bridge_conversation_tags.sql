{{ config(unique_key=['conversation_id', 'tag']) }}

with

conversations as (

    select * from {{ ref('int_conversations') }}
    where {{ is_changed() }}

),

tags as (

    select * from {{ ref('int_tags') }}

),

exploded as (

    select
        conversation_id,
        account_id,
        owner_key,
        {{ explode_list('tags') }} as tag
    from conversations

),

final as (

    select distinct
        exploded.conversation_id,
        exploded.account_id,
        exploded.owner_key,
        tags.tag,
        {{ build_id() }} as build_id
    from exploded
    inner join tags
        on
            exploded.account_id = tags.account_id
            and {{ tag_key("'conversation'", 'exploded.tag.id', 'coalesce(exploded.tag.name, exploded.tag.id)') }}
            = tags.tag_key

)

select * from final
