{{ config(materialized='incremental', incremental_strategy='replace_touched', unique_key='conversation_id') }}

with

final as (

    {{ latest_record('conversation_events', built_of_touched_conversations()) }}

)

select * from final
