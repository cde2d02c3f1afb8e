{{ config(meta={'dagster': {'ref': {'name': 'fct_conversations'}}}) }}

select
    conversations.conversation_id,
    conversations.first_response_seconds,
    turns.wait_seconds
from {{ ref('fct_conversations') }} as conversations
inner join {{ ref('fct_customer_turns') }} as turns
    on
        conversations.conversation_id = turns.conversation_id
        and conversations.first_response_at = turns.ended_at
        and turns.outcome = 'answered'
where
    conversations.first_response_seconds > turns.wait_seconds
    or conversations.first_response_working_seconds > turns.wait_working_seconds + 0.001
