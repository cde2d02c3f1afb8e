{# The files of the home that Spark reads and writes: views on the raw files, and one folder per layer. #}

{# Runs before the models. Creates a view for each source, because Spark reads a file only by its path. #}
{% macro open_spark_home() -%}
    {%- if execute and flags.WHICH in ('build', 'run', 'seed', 'test') -%}
        {%- for layer in graph.nodes.values() | map(attribute='schema') | unique if layer not in ('dbt_test__audit', target.schema) -%}
            {%- do require_own_layer(layer) -%}
        {%- endfor -%}
        {%- for schema in graph.sources.values() | map(attribute='schema') | unique -%}
            {%- do run_query('create schema if not exists ' ~ schema) -%}
        {%- endfor -%}
        {%- for source in graph.sources.values() if source.config.meta.external_location is defined -%}
            {%- set files = source.config.meta.external_location.split("'")[1] | replace('{name}', source.name) -%}
            {%- do run_query(
                'create or replace view ' ~ source.schema ~ '.' ~ source.identifier
                ~ ' as select * from parquet.`' ~ spark_path(files) ~ '`'
            ) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}


{# The path of a file of the home as Spark sees it; by default the same path. #}
{% macro spark_path(path) -%}
    {%- set home = env_var('CONVERSATIONS_HOME', '../data') -%}
    {{ return(path | replace(home, env_var('CONVERSATIONS_SPARK_HOME', home))) }}
{%- endmacro %}


{# The folder of the tables of a layer. #}
{% macro layer_folder(layer) -%}
    {{ return(spark_path(env_var('CONVERSATIONS_HOME', '../data') ~ '/spark/tables/' ~ layer)) }}
{%- endmacro %}


{% macro spark__create_schema(relation) -%}
    {%- do run_query("create schema if not exists " ~ relation.schema ~ " location '" ~ layer_folder(relation.schema) ~ "'") -%}
{%- endmacro %}


{# Raises an error if a schema of this name belongs to another home, so that a build does not replace its tables. #}
{% macro require_own_layer(layer) -%}
    {%- for row in run_query('describe schema ' ~ layer).rows if row[0] == 'Location' -%}
        {%- if not row[1].endswith(layer_folder(layer).split(':') | last) -%}
            {{ exceptions.raise_compiler_error(
                'Schema ' ~ layer ~ ' of this Spark lies at ' ~ row[1] ~ ', not in this home at ' ~ layer_folder(layer)
                ~ '. A home needs a metastore of its own: point CONVERSATIONS_SPARK_HOST and CONVERSATIONS_SPARK_PORT to it.'
            ) }}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}
