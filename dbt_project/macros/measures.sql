{# Measures of the aggregates: an average never stands alone. #}

{# The value below which a share of the values lies, linearly interpolated between the two nearest. #}
{% macro percentile(value, share) -%}
    {{ return(adapter.dispatch('percentile', 'conversation_reports')(value, share)) }}
{%- endmacro %}

{% macro default__percentile(value, share) -%}
    percentile({{ value }}, {{ share }})
{%- endmacro %}

{% macro duckdb__percentile(value, share) -%}
    quantile_cont({{ value }}, {{ share }})
{%- endmacro %}


{# Number, sum, average, median and 90th percentile of the values that are not null. #}
{% macro timed_measure(value, name) -%}
    count({{ value }}) as {{ name }}_n,
    sum({{ value }}) as {{ name }}_sum,
    avg({{ value }}) as {{ name }}_avg,
    {{ percentile(value, 0.5) }} as {{ name }}_median,
    {{ percentile(value, 0.9) }} as {{ name }}_p90
{%- endmacro %}
