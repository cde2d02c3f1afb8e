{{ config(materialized='incremental', incremental_strategy='replace_touched', unique_key='conversation_id') }}

with

events as (

    select * from {{ ref('int_conversation_events') }}
    where {{ is_touched('conversation_id', 'int_touched_conversations') }}

),

final as (

    select
        conversation_id,
        account_id,
        max(case when is_last_assignment and event_type = 'assigned' then agent_id end) as assigned_agent_id,
        count(case when event_type = 'reopened' then 1 end) as reopens,
        min(case when event_type = 'closed' then occurred_at end) as first_closed_at,
        max(case when event_type = 'closed' then occurred_at end) as last_closed_at
    from events
    group by conversation_id, account_id

)

select * from final
