{# A response belongs to the survey message that it references. A response without a message is a separate survey. #}
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

latest_ratings as (

    {{ latest_version('messages', 'rated_versions', 'versions.exported_at') }}

),

latest_responses as (

    {{ latest_version('csat_survey_responses', 'response_versions', 'versions.exported_at') }}

),

first_ratings as (

    select
        _account_id,
        id,
        min(exported_at) as exported_at
    from rated_versions
    group by _account_id, id

),

-- A survey is a message. Its versions after the answer also contain the rating.
surveys as (

    select
        latest._account_id || ':' || latest.id as survey_id,
        latest._account_id as account_id,
        latest._account_id || ':' || latest.conversation as conversation_id,
        latest_ratings.csat_rating as rating,
        latest.created_at as sent_at,
        first_ratings.exported_at as responded_at
    from latest
    left join latest_ratings
        on
            latest._account_id = latest_ratings._account_id
            and latest.id = latest_ratings.id
    left join first_ratings
        on
            latest._account_id = first_ratings._account_id
            and latest.id = first_ratings.id

),

responses as (

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
        coalesce(surveys.survey_id, responses.survey_id) as survey_id,
        coalesce(surveys.account_id, responses.account_id) as account_id,
        coalesce(surveys.conversation_id, responses.conversation_id) as conversation_id,
        responses.agent_id,
        cast(coalesce(responses.rating, surveys.rating) as integer) as rating,
        cast({{ dbt.date_trunc('second', 'coalesce(surveys.sent_at, responses.responded_at)') }} as timestamp)
            as sent_at,
        cast({{ dbt.date_trunc('second', 'coalesce(responses.responded_at, surveys.responded_at)') }} as timestamp)
            as responded_at
    from surveys
    full outer join responses
        on surveys.survey_id = responses.survey_id

)

select * from final
