{# The raw files on an engine that cannot read them where a source is named: views, one for each source. #}
{% macro show_raw_files() -%}
    {%- if execute and flags.WHICH in ('build', 'run', 'test', 'seed', 'compile', 'show') -%}
        {%- set schemas = [] -%}
        {%- for node in graph.sources.values() -%}
            {%- if node.schema not in schemas -%}
                {%- do run_query('create schema if not exists ' ~ node.schema) -%}
                {%- do schemas.append(node.schema) -%}
            {%- endif -%}
            {%- set files = node.config.meta.external_location | replace('{name}', node.name) -%}
            {%- set path = spark_path(files.split("'")[1]) -%}
            {%- do run_query(
                'create or replace view ' ~ node.schema ~ '.' ~ node.identifier
                ~ ' as select * from parquet.`' ~ path ~ '`'
            ) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}


{# The name that Spark has for a file in the home: by default that of this machine. #}
{% macro spark_path(path) -%}
    {%- set home = env_var('CONVERSATIONS_HOME', '../data') -%}
    {{ return(path | replace(home, env_var('CONVERSATIONS_SPARK_HOME', home))) }}
{%- endmacro %}


{# Where the tables of a layer lie: in the home, since the candidate shows them. #}
{% macro spark__create_schema(relation) -%}
    {%- set folder = spark_path(env_var('CONVERSATIONS_HOME', '../data') ~ '/spark/tables/' ~ relation.schema) -%}
    {%- do run_query("create schema if not exists " ~ relation.schema ~ " location '" ~ folder ~ "'") -%}
{%- endmacro %}
