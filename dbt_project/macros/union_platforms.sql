{# The rows of one entity over all platforms that have it and that an account uses: `stg_<platform>__<entity>` of each. #}
{% macro union_platforms(entity) -%}
    {%- set staged = {} -%}
    {%- for platform in var('platforms') if entity not in var('missing_entities').get(platform, []) -%}
        {%- do staged.update({platform: ref('stg_' ~ platform ~ '__' ~ entity)}) -%}
    {%- endfor -%}
    {%- set used = used_platforms() -%}
    {%- set chosen = [] -%}
    {%- for platform, relation in staged.items() -%}
        {%- if platform in used -%}
            {%- do chosen.append('select * from ' ~ relation) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if chosen -%}
    {{ chosen | join('\n    union all\n    ') }}
    {%- else -%}
    select * from {{ staged.values() | first }} where 1 = 0
    {%- endif -%}
{%- endmacro %}


{# The platforms of the accounts. All of them while dbt parses, so that it finds all dependencies, and in unit tests. #}
{% macro used_platforms() -%}
    {%- set accounts = ref('accounts') -%}
    {%- if not execute or model.resource_type == 'unit_test' or flags.WHICH not in ('build', 'run', 'test') -%}
        {{ return(var('platforms')) }}
    {%- endif -%}
    {{ return(run_query('select distinct platform from ' ~ accounts).columns[0].values()) }}
{%- endmacro %}
