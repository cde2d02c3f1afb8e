with

conversations as (

    select
        *,
        {{ last_element('assigned') }} as last_assigned
    from {{ source('activecampaign', 'conversations') }}

),

messages as (

    select * from {{ source('activecampaign', 'messages') }}

),

final as (

    select
        _account_id || ':' || last_assigned.id as agent_id,
        _account_id as account_id,
        {{ full_name('last_assigned') }} as agent_name,
        _file_id as file_id,
        last_updated_on as seen_at
    from conversations

    union all

    select
        _account_id || ':' || sent_by.id as agent_id,
        _account_id as account_id,
        {{ full_name('sent_by') }} as agent_name,
        _file_id as file_id,
        max(timestamp) as seen_at
    from messages
    where sent_by.id is not null
    group by _account_id, sent_by, _file_id

)

select * from final
