{# Measures of the aggregates: each average with its number, sum, median and percentile. #}

{# The percentile of the values for a share, linearly interpolated between the two nearest. Rounded to a tenth of a
   microsecond, since engines differ in the last bits of a product. #}
{% macro percentile(value, share) -%}
    round({{ adapter.dispatch('interpolated', 'conversation_reports')(value, share) }}, 7)
{%- endmacro %}

{% macro default__interpolated(value, share) -%}
    percentile({{ value }}, {{ share }})
{%- endmacro %}

{% macro duckdb__interpolated(value, share) -%}
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
