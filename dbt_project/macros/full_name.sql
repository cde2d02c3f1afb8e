{# First and last name of a person's columns; null where there is neither. #}
{% macro full_name(person) -%}
    nullif(trim(coalesce({{ person }}.first_name, '') || ' ' || coalesce({{ person }}.last_name, '')), '')
{%- endmacro %}
