with

statuses as (

    select * from {{ ref('conversation_statuses') }}
    where platform = 'activecampaign'

),

origins as (

    select * from {{ ref('conversation_origins') }}
    where platform = 'activecampaign'

),

latest as (

    {{ latest_version(
        'conversations',
        raw_records('conversations', source('activecampaign', 'conversations')),
        'versions.last_updated_on',
    ) }}

),

assigned as (

    select
        latest.*,
        {{ last_element('latest.assigned') }} as last_assigned
    from latest

),

final as (

    select
        assigned._account_id || ':' || assigned.id as conversation_id,
        assigned._account_id as account_id,
        assigned.id as source_conversation_id,
        assigned._account_id || ':' || assigned.contact as contact_id,
        assigned._account_id || ':' || assigned.last_assigned.id as agent_id,
        assigned.channel as channel_id,
        assigned.assigned_team as team_id,
        origins.origin,
        statuses.status,
        {{ full_name('assigned.last_assigned') }} as agent_name,
        assigned.tags,
        assigned.created_on as started_at,
        assigned.closed_on as closed_at,
        assigned.last_updated_on as updated_at,
        cast(null as timestamp) as joins_until_at
    from assigned
    left join statuses
        on upper(assigned.status) = statuses.source_status
    left join origins
        on upper(assigned.source) = origins.source

)

select * from final
