with

latest as (

    {{ latest_version(
        'contacts',
        source('activecampaign', 'contacts'),
        'versions.last_updated_on',
        new_only=true,
    ) }}

),

final as (

    select
        _account_id || ':' || id as contact_id,
        _account_id as account_id,
        lower(source) as source,
        tags,
        created_on as created_at,
        _file_id as file_id,
        _line as line,
        _position as position,
        version_at
    from latest

)

select * from final
