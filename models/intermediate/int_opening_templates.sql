-- A template by which an agent opens a conversation answers no question, so it is no agent message.
{% set is_template = 'messages.agent_id is not null and messages.template_name is not null' %}
{% set message = in_order('messages.sent_at', 'messages.message_id', {'is_template': is_template}) %}

with

conversations_with_templates as (

    select distinct messages.conversation_id
    from {{ ref('int_messages') }} as messages
    where {{ is_template }}

),

first_messages as (

    select
        messages.conversation_id,
        min({{ message }}) as first_message
    from {{ ref('int_messages') }} as messages
    inner join conversations_with_templates
        on messages.conversation_id = conversations_with_templates.conversation_id
    group by messages.conversation_id

),

final as (

    select first_message.id as message_id
    from first_messages
    where first_message.is_template

)

select * from final
