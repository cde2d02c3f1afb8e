{# A text that stands for another and tells nothing of it to whom the key is not known. The key is read from its file while
   the query runs, so that it stands in no compiled query and no log. Hashed twice, the key first each time, as HMAC does. #}
{% macro keyed_hash(value) -%}
    {{ return(adapter.dispatch('keyed_hash', 'conversation_reports')(value)) }}
{%- endmacro %}

{% macro duckdb__keyed_hash(value) -%}
    {%- set key = "(select content from read_text('" ~ env_var('CONVERSATIONS_HOME', '../data') ~ "/hash_key'))" -%}
    sha256({{ key }} || sha256({{ key }} || {{ value }}))
{%- endmacro %}

{% macro default__keyed_hash(value) -%}
    {%- set file = spark_path(env_var('CONVERSATIONS_HOME', '../data') ~ '/hash_key') -%}
    {%- set key = "(select decode(content, 'UTF-8') from binaryFile.`" ~ file ~ "`)" -%}
    sha2({{ key }} || sha2({{ key }} || {{ value }}, 256), 256)
{%- endmacro %}
