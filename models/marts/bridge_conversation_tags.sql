{{ config(materialized='view') }}

with

conversation_tags as (

    select * from {{ ref('int_conversation_tags') }}

),

final as (

    select
        conversation_id,
        account_id,
        tag
    from conversation_tags

)

select * from final
