with

conversations as (

    {{ union_platforms('conversations') }}

),

identities as (

    select * from {{ ref('int_contact_identities') }}

),

final as (

    select
        conversations.conversation_id,
        conversations.account_id,
        conversations.source_conversation_id,
        conversations.contact_id,
        identities.contact_key,
        coalesce(identities.owner_key, {{ owner_key('null', 'conversations.conversation_id', 'null') }}) as owner_key,
        conversations.agent_id,
        conversations.channel_id,
        conversations.team_id,
        conversations.origin,
        conversations.status,
        conversations.tags,
        conversations.started_at,
        conversations.closed_at,
        conversations.updated_at,
        conversations.joins_until_at
    from conversations
    left join identities
        on conversations.contact_id = identities.contact_id

)

select * from final
