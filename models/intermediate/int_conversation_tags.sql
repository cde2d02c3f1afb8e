{{ config(materialized='incremental', incremental_strategy='replace_touched', unique_key='conversation_id') }}

with

conversations as (

    select * from {{ ref('int_conversations') }}
    where {{ is_touched('conversation_id', 'int_touched_conversations') }}

),

final as (

    select
        conversation_id,
        account_id,
        {{ explode_list(tag_names('tags')) }} as tag
    from conversations

)

select * from final
