{# Layers are schemas of their own (`staging`, `intermediate`, `marts`, `seeds`), without the target's name before them. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name | trim if custom_schema_name else target.schema }}
{%- endmacro %}
