-- A template by which an agent opens a conversation answers no question, so it is no agent message.
{% set message = in_order('sent_at', 'message_id', {'is_template': 'agent_id is not null and template_name is not null'}) %}

with

first_messages as (

    select
        conversation_id,
        min({{ message }}) as first_message
    from {{ ref('int_messages') }}
    where conversation_id in (
        select conversation_id
        from {{ ref('int_messages') }}
        where
            agent_id is not null
            and template_name is not null
    )
    group by conversation_id

),

final as (

    select first_message.id as message_id
    from first_messages
    where first_message.is_template

)

select * from final
