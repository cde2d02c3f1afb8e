{# The rows of one entity over all platforms that have it: `stg_<platform>__<entity>` for each of the project's list. With
   the versions of records, null where a platform's staging does not tell them. #}
{% macro union_platforms(entity, with_versions=false) -%}
    {%- for platform in var('platforms') if entity not in var('lacking').get(platform, []) %}
        select
            *
            {%- if with_versions and platform not in var('incremental_platforms') -%}
                {%- for column, type in version_columns().items() -%},
            cast(null as {{ type }}) as {{ column }}
                {%- endfor -%}
            {%- endif %}
        from {{ ref('stg_' ~ platform ~ '__' ~ entity) }}
        {%- if not loop.last %}
        union all
        {%- endif %}
    {%- endfor %}
{%- endmacro %}
