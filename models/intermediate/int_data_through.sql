{{ config(materialized='view') }}

with

messages as (

    select * from {{ ref('fct_messages') }}

),

final as (

    select
        account_id,
        max(sent_at) as data_through_at
    from messages
    group by account_id

)

select * from final
