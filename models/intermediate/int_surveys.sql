{{ config(materialized='incremental', incremental_strategy='replace_touched', unique_key='conversation_id') }}

{% set columns = [
    'survey_id',
    'account_id',
    'conversation_id',
    'rating',
    'sent_at',
    'responded_at',
    'file_id',
    'line',
    'position',
    'version_at',
] %}

with

final as (

    {{ latest_record('surveys', 'survey_id', columns, built_of_touched_conversations()) }}

)

select * from final
