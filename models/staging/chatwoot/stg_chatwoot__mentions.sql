with

conversations as (

    select * from {{ source('chatwoot', 'conversations') }}

),

status_changes as (

    select * from {{ source('chatwoot', 'status_changes') }}

),

messages as (

    select
        *,
        coalesce(conversation_id, conversation_in_webhook) as conversation,
        case
            when lower(message_type) in ('0', 'incoming') then coalesce(sender_id, webhook_sender_id)
        end as sending_contact_id
    from {{ source('chatwoot', 'messages') }}

),

responses as (

    select * from {{ source('chatwoot', 'csat_survey_responses') }}

),

contacts as (

    select * from {{ source('chatwoot', 'contacts') }}

),

events as (

    select * from {{ source('chatwoot', 'reporting_events') }}

),

final as (

    {{ mention('conversations', 'id', conversation_id='id', contact_id='contact_id') }}
    from conversations

    union all

    {{ mention('status_changes', 'id', conversation_id='id') }}
    from status_changes

    union all

    {{ mention('messages', 'id', conversation_id='conversation', contact_id='sending_contact_id') }}
    from messages

    union all

    -- A response refers to the message that sent the survey.
    {{ mention('messages', "coalesce(message_id, 'response ' || id)", conversation_id='conversation_id') }}
    from responses

    union all

    {{ mention('contacts', 'id', contact_id='id') }}
    from contacts

    union all

    {{ mention('reporting_events', 'id', conversation_id='coalesce(conversation_display_id, conversation_id)') }}
    from events

)

select * from final
