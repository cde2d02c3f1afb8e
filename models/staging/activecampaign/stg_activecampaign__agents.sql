with

latest as (

    {{ latest_version('agents', source('activecampaign', 'agents'), 'cast(null as timestamp)') }}

),

final as (

    select
        _account_id || ':' || id as agent_id,
        _account_id as account_id,
        {{ full_name('latest') }} as agent_name,
        lower(role) as role,
        teams as team_names
    from latest

)

select * from final
