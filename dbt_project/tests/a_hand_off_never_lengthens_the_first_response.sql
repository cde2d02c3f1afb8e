{{ config(meta={'dagster': {'ref': {'name': 'int_conversation_responses'}}}) }}

select
    first_responses.conversation_id,
    first_responses.first_response_seconds,
    turns.wait_seconds
from {{ ref('int_conversation_responses') }} as first_responses
inner join {{ ref('int_customer_turns') }} as turns
    on
        first_responses.conversation_id = turns.conversation_id
        and turns.is_first
where
    first_responses.first_response_seconds > turns.wait_seconds
    or first_responses.first_response_working_seconds > turns.wait_working_seconds + 0.001
