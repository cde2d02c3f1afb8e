{# Instants: UTC timestamps, and their conversion to and from local times. #}

{% macro seconds_between(start_at, end_at) -%}
    {{ return(adapter.dispatch('seconds_between', 'conversation_reports')(start_at, end_at)) }}
{%- endmacro %}

{% macro default__seconds_between(start_at, end_at) -%}
    ((unix_micros({{ end_at }}) - unix_micros({{ start_at }})) / cast(1000000 as double))
{%- endmacro %}

{% macro duckdb__seconds_between(start_at, end_at) -%}
    ((epoch_us({{ end_at }}) - epoch_us({{ start_at }})) / cast(1000000 as double))
{%- endmacro %}


{# The local time in a zone at a UTC instant. #}
{% macro to_local(instant, time_zone) -%}
    {{ return(adapter.dispatch('to_local', 'conversation_reports')(instant, time_zone)) }}
{%- endmacro %}

{% macro default__to_local(instant, time_zone) -%}
    from_utc_timestamp({{ instant }}, {{ time_zone }})
{%- endmacro %}

{% macro duckdb__to_local(instant, time_zone) -%}
    timezone({{ time_zone }}, timezone('UTC', {{ instant }}))
{%- endmacro %}


{# The UTC instant of a local time in a zone. #}
{% macro to_utc(local_time, time_zone) -%}
    {{ return(adapter.dispatch('to_utc', 'conversation_reports')(local_time, time_zone)) }}
{%- endmacro %}

{# Spark converts an ambiguous local time to the first of its two instants. Clocks go back by an hour, on Lord Howe Island by half
   an hour. #}
{% macro default__to_utc(local_time, time_zone) -%}
    {%- set first_at = 'to_utc_timestamp(' ~ local_time ~ ', ' ~ time_zone ~ ')' -%}
    case {{ local_time }}
        when from_utc_timestamp({{ first_at }} + interval '60' minute, {{ time_zone }})
            then {{ first_at }} + interval '60' minute
        when from_utc_timestamp({{ first_at }} + interval '30' minute, {{ time_zone }})
            then {{ first_at }} + interval '30' minute
        else {{ first_at }}
    end
{%- endmacro %}

{% macro duckdb__to_utc(local_time, time_zone) -%}
    timezone('UTC', timezone({{ time_zone }}, {{ local_time }}))
{%- endmacro %}


{# The ISO weekday: 1 for Monday to 7 for Sunday. #}
{% macro iso_weekday(day) -%}
    {{ return(adapter.dispatch('iso_weekday', 'conversation_reports')(day)) }}
{%- endmacro %}

{% macro default__iso_weekday(day) -%}
    (weekday({{ day }}) + 1)
{%- endmacro %}

{% macro duckdb__iso_weekday(day) -%}
    cast(isodow({{ day }}) as integer)
{%- endmacro %}


{# One row for every hour from the first to the last instant, both on the hour. #}
{% macro explode_hours(first_at, last_at) -%}
    {{ return(adapter.dispatch('explode_hours', 'conversation_reports')(first_at, last_at)) }}
{%- endmacro %}

{% macro default__explode_hours(first_at, last_at) -%}
    explode(sequence({{ first_at }}, {{ last_at }}, interval '1' hour))
{%- endmacro %}

{% macro duckdb__explode_hours(first_at, last_at) -%}
    unnest(generate_series({{ first_at }}, {{ last_at }}, interval '1' hour))
{%- endmacro %}
