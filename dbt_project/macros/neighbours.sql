{# The nearest value before or after a row of a window that is not null. #}

{% macro previous_value(value, window) -%}
    {{ return(adapter.dispatch('previous_value', 'conversation_reports')(value, window)) }}
{%- endmacro %}

{% macro default__previous_value(value, window) -%}
    lag({{ value }}) ignore nulls over {{ window }}
{%- endmacro %}

{% macro duckdb__previous_value(value, window) -%}
    lag({{ value }} ignore nulls) over {{ window }}
{%- endmacro %}


{% macro next_value(value, window) -%}
    {{ return(adapter.dispatch('next_value', 'conversation_reports')(value, window)) }}
{%- endmacro %}

{% macro default__next_value(value, window) -%}
    lead({{ value }}) ignore nulls over {{ window }}
{%- endmacro %}

{% macro duckdb__next_value(value, window) -%}
    lead({{ value }} ignore nulls) over {{ window }}
{%- endmacro %}
