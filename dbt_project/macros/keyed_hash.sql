{# A keyed hash of a value, which cannot be computed or tested without the key. The query reads the key from its file, so that no
   compiled query and no log contains it. Hashed twice, the key first each time, as HMAC does. #}
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


{# The first half of a keyed hash, in the type that is fastest to compare. #}
{% macro half_key(key) -%}
    {{ return(adapter.dispatch('half_key', 'conversation_reports')(key)) }}
{%- endmacro %}

{% macro default__half_key(key) -%}
    substring({{ key }}, 1, 32)
{%- endmacro %}

{% macro duckdb__half_key(key) -%}
    cast(left({{ key }}, 32) as uuid)
{%- endmacro %}
