with

versions as (

    select * from {{ source('chatwoot', 'agents') }}

),

latest as (

    {{ latest_version('agents', 'versions', 'cast(null as timestamp)') }}

),

final as (

    select
        _account_id || ':' || id as agent_id,
        _account_id as account_id,
        nullif({{ trimmed('name') }}, '') as agent_name,
        lower(role) as role,
        -- The platform exports teams, but not those of an agent.
        {{ empty_text_list() }} as team_names
    from latest

)

select * from final
