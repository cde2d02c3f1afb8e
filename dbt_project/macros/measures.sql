{# Measures of the aggregates. #}

{# A percentile, linearly interpolated between the two nearest values. It is rounded to a tenth of a microsecond, because engines
   differ in the last bits of a product. #}
{% macro percentile(value, share) -%}
    round({{ adapter.dispatch('interpolated', 'conversation_reports')(value, share) }}, 7)
{%- endmacro %}

{% macro default__interpolated(value, share) -%}
    percentile({{ value }}, {{ share }})
{%- endmacro %}

{% macro duckdb__interpolated(value, share) -%}
    quantile_cont({{ value }}, {{ share }})
{%- endmacro %}


{# The number, sum, average, median and 90th percentile of the values that are not null. #}
{% macro timed_measure(value, name) -%}
    count({{ value }}) as {{ name }}_n,
    sum({{ value }}) as {{ name }}_sum,
    avg({{ value }}) as {{ name }}_avg,
    {{ percentile(value, 0.5) }} as {{ name }}_median,
    {{ percentile(value, 0.9) }} as {{ name }}_p90
{%- endmacro %}
