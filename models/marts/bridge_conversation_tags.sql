{{ config(unique_key=['conversation_id', 'tag']) }}

with

conversations as (

    select * from {{ ref('int_conversations') }}
    where {{ is_changed() }}

),

final as (

    select
        conversation_id,
        account_id,
        owner_key,
        {{ explode_list(tag_names('tags')) }} as tag,
        {{ build_id() }} as build_id
    from conversations

)

select * from final
