{# What the models of platform `whatsapp_cloud` share. #}

{# How long the customer service window stays open after the contact's last message. #}
{% macro window_seconds() -%}
    {{ (env_var('CONVERSATIONS_WINDOW_HOURS', '24') | float * 3600) | int }}
{%- endmacro %}


{# A phone number as WhatsApp's own ids write it, without the plus. #}
{% macro whatsapp_number(number) -%}
    replace({{ number }}, '+', '')
{%- endmacro %}


{# The people behind the WhatsApp Business app of a number, of whom the platform tells no names: one agent a number. #}
{% macro business_app(account_id, phone_number_id) -%}
    ({{ account_id }} || ':' || coalesce('business_app_' || {{ phone_number_id }}, 'business_app'))
{%- endmacro %}
