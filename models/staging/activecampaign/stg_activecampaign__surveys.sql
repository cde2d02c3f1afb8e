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
        cast(rating as integer) as rating,
        coalesce(sent_on, responded_on, last_updated_on) as sent_at,
        case when rating is not null then coalesce(responded_on, last_updated_on, sent_on) end as responded_at
    from latest

)

select * from final
