{{ config(materialized='incremental', incremental_strategy='replace_touched', unique_key='conversation_id') }}

with

events as (

    {{ latest_record('conversation_events', built_of_touched_conversations()) }}

),

final as (

    select
        *,
        row_number() over (
            partition by conversation_id, event_type in ('assigned', 'unassigned')
            order by occurred_at desc, length(event_id) desc, event_id desc
        ) = 1
        and event_type in ('assigned', 'unassigned') as is_last_assignment
    from events

)

select * from final
