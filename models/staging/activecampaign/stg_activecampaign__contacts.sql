with

latest as (

    {{ latest_version(
        'contacts',
        raw_records('contacts', source('activecampaign', 'contacts')),
        'versions.last_updated_on',
    ) }}

),

final as (

    select
        _account_id || ':' || id as contact_id,
        _account_id as account_id,
        lower(source) as source,
        tags,
        created_on as created_at
    from latest

)

select * from final
