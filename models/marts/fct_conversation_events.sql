{{ config(materialized='view') }}

with

events as (

    select * from {{ ref('int_conversation_events') }}

),

final as (

    select
        event_id,
        account_id,
        conversation_id,
        agent_id,
        event_type,
        reason,
        occurred_at
    from events

)

select * from final
