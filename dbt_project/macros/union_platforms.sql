{# The rows of one entity over all platforms: `stg_<platform>__<entity>` for each platform of the project's list. #}
{% macro union_platforms(entity) -%}
    {%- for platform in var('platforms') %}
        select * from {{ ref('stg_' ~ platform ~ '__' ~ entity) }}
        {%- if not loop.last %}
        union all
        {%- endif %}
    {%- endfor %}
{%- endmacro %}
