{# Each layer is a schema (`staging`, `intermediate`, `marts`, `seeds`), without the target schema as a prefix. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name | trim if custom_schema_name else target.schema }}
{%- endmacro %}
