{# Look-ups in `int_calendar`: the row of an instant, and the working seconds passed until then. #}

{% macro on_calendar(calendar, account_id, instant) -%}
    {{ account_id }} = {{ calendar }}.account_id
    and {{ dbt.date_trunc('hour', instant) }} = {{ calendar }}.hour_at
    and {{ instant }} >= {{ calendar }}.starts_at
    and {{ instant }} < {{ calendar }}.ends_at
{%- endmacro %}

{% macro working_seconds_at(calendar, instant) -%}
    ({{ calendar }}.working_seconds_before
        + case when {{ calendar }}.is_working then {{ seconds_between(calendar ~ '.starts_at', instant) }} else 0 end)
{%- endmacro %}
