{{ config(materialized='incremental', incremental_strategy='replace_touched', unique_key='conversation_id') }}

with

turns as (

    select * from {{ ref('int_customer_turns') }}
    where {{ is_touched('conversation_id', 'int_touched_conversations') }}

),

final as (

    select
        conversation_id,
        account_id,
        count(answered_at) as turns_answered,
        count(*) - count(answered_at) as turns_unanswered,
        sum(wait_seconds) as wait_sum_seconds,
        max(wait_seconds) as wait_max_seconds,
        sum(wait_working_seconds) as wait_working_sum_seconds
    from turns
    group by conversation_id, account_id

)

select * from final
