with

latest as (

    {{ latest_version(
        'surveys',
        source('activecampaign', 'surveys'),
        'versions.last_updated_on',
        new_only=true,
    ) }}

),

final as (

    select
        _account_id || ':' || id as survey_id,
        _account_id as account_id,
        _account_id || ':' || conversation as conversation_id,
        cast(rating as integer) as rating,
        coalesce(sent_on, responded_on, last_updated_on) as sent_at,
        case when rating is not null then coalesce(responded_on, last_updated_on, sent_on) end as responded_at,
        _file_id as file_id,
        _line as line,
        _position as position,
        version_at
    from latest

)

select * from final
