{# Lists: one row per element, the last element, and lists of tags. #}

{# One row for each element; no row for a null or empty list. #}
{% macro explode_list(list) -%}
    {{ return(adapter.dispatch('explode_list', 'conversation_reports')(list)) }}
{%- endmacro %}

{% macro default__explode_list(list) -%}
    explode({{ list }})
{%- endmacro %}

{% macro duckdb__explode_list(list) -%}
    unnest({{ list }})
{%- endmacro %}


{# The last element; null if the list is null or empty. #}
{% macro last_element(list) -%}
    {{ return(adapter.dispatch('last_element', 'conversation_reports')(list)) }}
{%- endmacro %}

{% macro default__last_element(list) -%}
    try_element_at({{ list }}, -1)
{%- endmacro %}

{% macro duckdb__last_element(list) -%}
    list_extract({{ list }}, -1)
{%- endmacro %}


{# An aggregate: the values of a group as a sorted list. #}
{% macro sorted_list(value) -%}
    {{ return(adapter.dispatch('sorted_list', 'conversation_reports')(value)) }}
{%- endmacro %}

{% macro default__sorted_list(value) -%}
    sort_array(collect_list({{ value }}))
{%- endmacro %}

{% macro duckdb__sorted_list(value) -%}
    list_sort(list({{ value }}))
{%- endmacro %}


{# The tags of conversations and contacts on a platform without tags. #}
{% macro no_tags() -%}
    {{ return(adapter.dispatch('no_tags', 'conversation_reports')()) }}
{%- endmacro %}

{% macro default__no_tags() -%}
    cast(null as array<struct<id: string, name: string>>)
{%- endmacro %}

{% macro duckdb__no_tags() -%}
    cast(null as struct(id varchar, name varchar)[])
{%- endmacro %}


{% macro empty_text_list() -%}
    {{ return(adapter.dispatch('empty_text_list', 'conversation_reports')()) }}
{%- endmacro %}

{% macro default__empty_text_list() -%}
    cast(array() as array<string>)
{%- endmacro %}

{% macro duckdb__empty_text_list() -%}
    cast([] as varchar[])
{%- endmacro %}


{# The tags by which reports group and filter. #}
{% macro tags_or_untagged(tags) -%}
    case when {{ tags }} <> {{ empty_text_list() }} then {{ tags }} else {{ untagged() }} end
{%- endmacro %}

{% macro untagged() -%}
    {{ return(adapter.dispatch('untagged', 'conversation_reports')()) }}
{%- endmacro %}

{% macro default__untagged() -%}
    array('Untagged')
{%- endmacro %}

{% macro duckdb__untagged() -%}
    ['Untagged']
{%- endmacro %}
