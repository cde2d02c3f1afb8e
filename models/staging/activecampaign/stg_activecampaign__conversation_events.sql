with

latest as (

    {{ latest_version(
        'conversation_events',
        raw_records('conversation_events', source('activecampaign', 'conversation_events')),
        'cast(null as timestamp)',
    ) }}

),

final as (

    select
        _account_id || ':' || id as event_id,
        _account_id as account_id,
        _account_id || ':' || conversation as conversation_id,
        _account_id || ':' || agent as agent_id,
        lower(type) as event_type,
        lower(reason) as reason,
        occurred_on as occurred_at
    from latest

)

select * from final
