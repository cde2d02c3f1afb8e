{# The rows of one entity over all platforms that have it: `stg_<platform>__<entity>` for each of the project's list. #}
{% macro union_platforms(entity) -%}
    {%- for platform in var('platforms') if entity not in var('lacking').get(platform, []) %}
        select * from {{ ref('stg_' ~ platform ~ '__' ~ entity) }}
        {%- if not loop.last %}
        union all
        {%- endif %}
    {%- endfor %}
{%- endmacro %}
