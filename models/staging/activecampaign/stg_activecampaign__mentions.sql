with

conversations as (

    select * from {{ source('activecampaign', 'conversations') }}

),

messages as (

    select * from {{ source('activecampaign', 'messages') }}

),

contacts as (

    select * from {{ source('activecampaign', 'contacts') }}

),

surveys as (

    select * from {{ source('activecampaign', 'surveys') }}

),

events as (

    select * from {{ source('activecampaign', 'conversation_events') }}

),

final as (

    {{ mention('conversations', 'id', conversation_id='id', contact_id='contact') }}
    from conversations

    union all

    {{ mention('messages', 'id', conversation_id='conversation', contact_id='contact') }}
    from messages

    union all

    {{ mention('contacts', 'id', contact_id='id') }}
    from contacts

    union all

    {{ mention('surveys', 'id', conversation_id='conversation') }}
    from surveys

    union all

    {{ mention('conversation_events', 'id', conversation_id='conversation') }}
    from events

)

select * from final
