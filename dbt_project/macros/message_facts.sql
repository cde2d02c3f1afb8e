{# What is told of messages to whoever reads the marts: the columns of `fct_messages`. Rows of `int_messages`, and the ids of the
   templates by which agents opened conversations. These are grouped, so that each comes once and the engine leaves the join out
   where nobody asks who is an agent. (It leaves out one join of a view, so there should be no second.) #}
{% macro message_facts(messages, opening_templates) -%}
select
    messages.message_id,
    messages.account_id,
    substring(messages.message_id, length(messages.account_id) + 2) as source_message_id,
    messages.conversation_id,
    messages.contact_key,
    messages.agent_id,
    case when messages.is_inbound then 'inbound' else 'outbound' end as direction,
    messages.source,
    messages.message_type,
    messages.delivery_status,
    messages.template_name,
    messages.error_code,
    messages.pricing_category,
    messages.sent_hour,
    messages.agent_id is not null
    and opening_templates.opening_template_id is null
    and not (messages.template_name is not null and messages.conversation_id is null) as is_agent_message,
    messages.is_automated,
    messages.is_billable,
    messages.has_conversation,
    messages.sent_on,
    messages.sent_at,
    messages.delivered_at,
    messages.read_at,
    messages.failed_at
from {{ messages }} as messages
left join {{ opening_templates }} as opening_templates
    on messages.message_id = opening_templates.opening_template_id
{%- endmacro %}
