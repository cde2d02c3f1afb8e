{# Shared by the models of platform `whatsapp_cloud`. #}

{# Seconds for which a contact's message keeps the customer service window of WhatsApp open. #}
{% macro window_seconds() -%}
    {{ 24 * 3600 }}
{%- endmacro %}


{# A phone number without the plus, in the one form of the numbers that the network treats as the same: Brazil's mobile numbers with
   the ninth digit, Mexico's and Argentina's without the mobile prefix. #}
{% macro whatsapp_number(number) -%}
    {%- set digits = "translate(" ~ number ~ ", '+ -().', '')" -%}
    case
        when {{ digits }} like '55%' and length({{ digits }}) = 12 and substring({{ digits }}, 5, 1) not in ('2', '3', '4', '5')
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


{# The agent for all users of the WhatsApp Business app of a number: the platform does not export their names. #}
{% macro business_app(account_id, phone_number_id='null') -%}
    ({{ account_id }} || ':' || coalesce('business_app_' || {{ phone_number_id }}, 'business_app'))
{%- endmacro %}


{# Whether the business sent a raw message: the history of a number contains the messages of both sides. #}
{% macro is_from_business() -%}
    coalesce(is_from_business = 'true' or {{ whatsapp_number('sender') }} = {{ whatsapp_number('business_number') }}, false)
{%- endmacro %}


{# The id of the customer of a raw message. #}
{% macro whatsapp_customer() -%}
    case
        when {{ is_from_business() }} then coalesce({{ whatsapp_number('thread') }}, {{ whatsapp_number('recipient') }})
        else coalesce({{ whatsapp_contact('sender', 'from_user_id') }}, {{ whatsapp_number('thread') }})
    end
{%- endmacro %}


{# The changes that carry messages, by field. #}
{% macro message_fields() -%}
    ('messages', 'smb_message_echoes', 'history')
{%- endmacro %}


{# The kind of a raw record that is neither a message nor a delivery status of one; else null. #}
{% macro whatsapp_other_message_kind() -%}
    case
        when lower(change_field) not in {{ message_fields() }} then lower(change_field)
        when group_id is not null then 'group'
        when lower(type) in ('reaction', 'edit', 'revoke', 'system', 'request_welcome') then lower(type)
    end
{%- endmacro %}

{% macro whatsapp_other_status_kind() -%}
    case
        when lower(change_field) not in {{ message_fields() }} then lower(change_field)
        when lower(recipient_type) = 'group' then 'group'
        when lower(type) <> 'message' then lower(type)
    end
{%- endmacro %}

{% macro whatsapp_other_change_kind() -%}
    case when lower(field) not in {{ message_fields() }} then lower(field) end
{%- endmacro %}


{# The accounts, with `api_messages` whether or not the seed has the column. #}
{% macro accounts_with_api_messages() -%}
    {{ return(adapter.dispatch('accounts_with_api_messages', 'conversation_reports')()) }}
{%- endmacro %}

{% macro default__accounts_with_api_messages() -%}
    {%- set seed = ref('accounts') -%}
    {%- set names = adapter.get_columns_in_relation(seed) | map(attribute='name') | list if execute else [] -%}
    (
        select
            account_id,
            platform,
            {{ 'api_messages' if 'api_messages' in names else 'cast(null as ' ~ dbt.type_string() ~ ')' }} as api_messages
        from {{ seed }}
    )
{%- endmacro %}

{% macro duckdb__accounts_with_api_messages() -%}
    (
        select * from {{ ref('accounts') }}
        union all by name
        select cast(null as varchar) as api_messages
        where false
    )
{%- endmacro %}


{# The pseudo-agent for messages that people send through the API of a number, if the account has `api_messages` = people. #}
{% macro api_agent(account_id) -%}
    ({{ account_id }} || ':api')
{%- endmacro %}
