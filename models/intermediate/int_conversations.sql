{{ config(materialized='incremental', incremental_strategy='replace_touched', unique_key='conversation_id') }}

with

conversations as (

    {{ latest_record('conversations', built_of_touched_conversations()) }}

),

final as (

    select
        conversation_id,
        account_id,
        source_conversation_id,
        contact_id,
        {{ keyed_hash('contact_id') }} as contact_key,
        agent_id,
        channel_id,
        team_id,
        origin,
        status,
        agent_name,
        tags,
        started_at,
        closed_at,
        updated_at,
        file_id,
        line,
        position,
        version_at
    from conversations

)

select * from final
