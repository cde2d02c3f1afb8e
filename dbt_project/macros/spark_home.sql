{# Spark in the home: views on the raw files, and the folders of the layers. #}

{# Runs before the models: a view for each source, because Spark reads files only by path. #}
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


{# The path at which Spark reads a file of the home; by default the same. #}
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


{# Fails if the schema belongs to another home, so that its tables are not replaced. #}
{% macro require_own_layer(layer) -%}
    {%- for row in run_query('describe schema ' ~ layer).rows if row[0] == 'Location' -%}
        {%- if not row[1].endswith(layer_folder(layer).split(':') | last) -%}
            {{ exceptions.raise_compiler_error(
                'Schema ' ~ layer ~ ' on this Spark is at ' ~ row[1] ~ ', not in this home at ' ~ layer_folder(layer)
                ~ '. A home needs a separate metastore: point CONVERSATIONS_SPARK_HOST and CONVERSATIONS_SPARK_PORT to it.'
            ) }}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}
