{# Fails for every row whose time is not HH:MM (or H:MM) from 00:00 to `latest`. #}
{% test is_clock_time(model, column_name, latest) %}

with

padded as (

    select
        *,
        lpad({{ column_name }}, 5, '0') as clock_time
    from {{ model }}

)

select *
from padded
where
    clock_time is null
    or translate(clock_time, '012345678', '999999999') <> '99:99'
    or clock_time > '{{ latest }}'
    or substring(clock_time, 4, 2) > '59'

{% endtest %}
