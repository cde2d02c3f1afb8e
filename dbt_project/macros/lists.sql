{# Lists: one row an element, the last element, and the names of tags. #}

{# One row for each element; a null or empty list gives none. #}
{% macro explode_list(list) -%}
    {{ return(adapter.dispatch('explode_list', 'conversation_reports')(list)) }}
{%- endmacro %}

{% macro default__explode_list(list) -%}
    explode({{ list }})
{%- endmacro %}

{% macro duckdb__explode_list(list) -%}
    unnest({{ list }})
{%- endmacro %}


{# Null where the list is null or empty. #}
{% macro last_element(list) -%}
    {{ return(adapter.dispatch('last_element', 'conversation_reports')(list)) }}
{%- endmacro %}

{% macro default__last_element(list) -%}
    try_element_at({{ list }}, -1)
{%- endmacro %}

{% macro duckdb__last_element(list) -%}
    list_extract({{ list }}, -1)
{%- endmacro %}


{# The names of tags, sorted and each once; a tag without a name goes by its id. An empty list where there are none. #}
{% macro tag_names(tags) -%}
    {{ return(adapter.dispatch('tag_names', 'conversation_reports')(tags)) }}
{%- endmacro %}

{% macro default__tag_names(tags) -%}
    {%- set names = 'transform(' ~ tags ~ ', tag -> ' ~ trimmed('coalesce(tag.name, tag.id)') ~ ')' -%}
    coalesce(sort_array(array_distinct(filter({{ names }}, name -> name <> ''))), {{ empty_text_list() }})
{%- endmacro %}

{% macro duckdb__tag_names(tags) -%}
    {%- set names = 'list_transform(' ~ tags ~ ', lambda tag: ' ~ trimmed('coalesce(tag.name, tag.id)') ~ ')' -%}
    coalesce(list_sort(list_distinct(list_filter({{ names }}, lambda name: name <> ''))), {{ empty_text_list() }})
{%- endmacro %}


{# What conversations and contacts have as tags on a platform that knows none. #}
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
