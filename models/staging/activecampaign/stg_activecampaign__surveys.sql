with

latest as (

    {{ latest_version(
        'surveys',
        raw_records('surveys', source('activecampaign', 'surveys')),
        'versions.last_updated_on',
    ) }}

),

final as (

    select
        _account_id || ':' || id as survey_id,
        _account_id as account_id,
        _account_id || ':' || conversation as conversation_id,
        _account_id || ':' || agent as agent_id,
        cast(rating as integer) as rating,
        sent_on as sent_at,
        responded_on as responded_at
    from latest

)

select * from final
