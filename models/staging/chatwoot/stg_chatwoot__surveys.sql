{# A response belongs to the survey of its message. A response without a message is a separate survey. #}
{% set response_id = "coalesce(message_id, 'response ' || id)" %}

with

versions as (

    select
        *,
        coalesce(conversation_id, conversation_in_webhook) as conversation,
        coalesce(updated_at, conversation_updated_at, created_at) as exported_at
    from {{ raw_records('messages', source('chatwoot', 'messages')) }}
    where lower(content_type) = 'input_csat'

),

response_versions as (

    select
        *,
        coalesce(updated_at, created_at) as exported_at
    from {{ raw_records('messages', source('chatwoot', 'csat_survey_responses'), response_id) }}

),

rated_versions as (

    select * from versions
    where csat_rating is not null

),

latest as (

    {{ latest_version('messages', 'versions', 'versions.exported_at') }}

),

latest_rated as (

    {{ latest_version('messages', 'rated_versions', 'versions.exported_at') }}

),

latest_responses as (

    {{ latest_version('csat_survey_responses', 'response_versions', 'versions.exported_at') }}

),

first_rated as (

    select
        _account_id,
        id,
        min(exported_at) as exported_at
    from rated_versions
    group by _account_id, id

),

-- A survey is sent as a message, which later contains the rating too.
sent as (

    select
        latest._account_id || ':' || latest.id as survey_id,
        latest._account_id as account_id,
        latest._account_id || ':' || latest.conversation as conversation_id,
        latest_rated.csat_rating as rating,
        latest.created_at as sent_at,
        first_rated.exported_at as responded_at
    from latest
    left join latest_rated
        on
            latest._account_id = latest_rated._account_id
            and latest.id = latest_rated.id
    left join first_rated
        on
            latest._account_id = first_rated._account_id
            and latest.id = first_rated.id

),

answered as (

    select
        _account_id || ':' || {{ response_id }} as survey_id,
        _account_id as account_id,
        _account_id || ':' || conversation_id as conversation_id,
        _account_id || ':' || agent_id as agent_id,
        rating,
        created_at as responded_at
    from latest_responses

),

final as (

    select
        coalesce(sent.survey_id, answered.survey_id) as survey_id,
        coalesce(sent.account_id, answered.account_id) as account_id,
        coalesce(sent.conversation_id, answered.conversation_id) as conversation_id,
        answered.agent_id,
        cast(coalesce(answered.rating, sent.rating) as integer) as rating,
        cast({{ dbt.date_trunc('second', 'coalesce(sent.sent_at, answered.responded_at)') }} as timestamp) as sent_at,
        cast({{ dbt.date_trunc('second', 'coalesce(answered.responded_at, sent.responded_at)') }} as timestamp)
            as responded_at
    from sent
    full outer join answered
        on sent.survey_id = answered.survey_id

)

select * from final
