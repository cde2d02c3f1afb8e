{# Shared by the models of platform `whatsapp_cloud`. #}

{# How long the customer service window stays open after the contact's last message. #}
{% macro window_seconds() -%}
    {{ (env_var('CONVERSATIONS_WINDOW_HOURS', '24') | float * 3600) | int }}
{%- endmacro %}


{# A phone number without the plus, in the one form of the numbers that the network treats as the same: Brazil's mobile numbers with
   the ninth digit, Mexico's and Argentina's without the mobile prefix. #}
{% macro whatsapp_number(number) -%}
    {%- set digits = "replace(" ~ number ~ ", '+', '')" -%}
    case
        when {{ digits }} like '55%' and length({{ digits }}) = 12 and substring({{ digits }}, 5, 1) in ('6', '7', '8', '9')
            then substring({{ digits }}, 1, 4) || '9' || substring({{ digits }}, 5)
        when {{ digits }} like '521%' and length({{ digits }}) = 13
            then '52' || substring({{ digits }}, 4)
        when {{ digits }} like '549%' and length({{ digits }}) = 13
            then '54' || substring({{ digits }}, 4)
        else {{ digits }}
    end
{%- endmacro %}


{# The id under which a record names a contact: the number, else the business-scoped user id. #}
{% macro whatsapp_contact(number, user_id) -%}
    coalesce({{ whatsapp_number(number) }}, {{ user_id }})
{%- endmacro %}


{# The agent for everyone who answers from the WhatsApp Business app of a number: the platform gives no names. #}
{% macro business_app(account_id, phone_number_id) -%}
    ({{ account_id }} || ':' || coalesce('business_app_' || {{ phone_number_id }}, 'business_app'))
{%- endmacro %}
