{# Names of people and of tags. #}

{# First and last name of a person's columns; null where there is neither. #}
{% macro full_name(person) -%}
    nullif({{ trimmed("coalesce(" ~ person ~ ".first_name, '') || ' ' || coalesce(" ~ person ~ ".last_name, '')") }}, '')
{%- endmacro %}


{# Without spaces before and after it, those of Unicode included, such as the unbreakable one. #}
{% macro trimmed(text) -%}
    {{ return(adapter.dispatch('trimmed', 'conversation_reports')(text)) }}
{%- endmacro %}

{% macro default__trimmed(text) -%}
    regexp_replace({{ text }}, '^\\p{Zs}+|\\p{Zs}+$', '')
{%- endmacro %}

{% macro duckdb__trimmed(text) -%}
    trim({{ text }})
{%- endmacro %}
