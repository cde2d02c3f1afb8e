{{ config(materialized='incremental', incremental_strategy='replace_touched', unique_key='conversation_id') }}

with

conversations as (

    select * from {{ ref('int_conversations') }}
    where {{ is_touched('conversation_id', 'int_touched_conversations') }}

),

exploded as (

    select
        conversation_id,
        account_id,
        {{ explode_list('tags') }} as tag
    from conversations

),

named as (

    select
        conversation_id,
        account_id,
        {{ trimmed('coalesce(tag.name, tag.id)') }} as tag
    from exploded

),

final as (

    select distinct
        conversation_id,
        account_id,
        tag
    from named
    where tag <> ''

)

select * from final
