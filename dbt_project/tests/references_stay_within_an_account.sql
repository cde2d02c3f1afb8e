{{ config(meta={'dagster': {'ref': {'name': 'fct_messages'}}}) }}

-- Accounts are tenants: a row refers only to rows of its own account.
select
    account_id,
    conversation_id as points_to
from {{ ref('fct_messages') }}
where
    conversation_id not like account_id || ':%'
    or agent_id not like account_id || ':%'

union all

select
    account_id,
    conversation_id as points_to
from {{ ref('int_conversation_surveys') }}
where conversation_id not like account_id || ':%'

union all

select
    account_id,
    conversation_id as points_to
from {{ ref('fct_conversation_events') }}
where
    conversation_id not like account_id || ':%'
    or agent_id not like account_id || ':%'
