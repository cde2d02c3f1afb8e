{# The targets of an account in `dim_accounts`: for the first response, for a reply and for the resolution. #}

{# Whether a time is within the account's target of a measure, on the clock of the target; null without a target. #}
{% macro is_within_target(measure, seconds, working_seconds, accounts='accounts') -%}
    (case when {{ accounts }}.{{ measure }}_target_clock = 'working' then {{ working_seconds }} else {{ seconds }} end
        <= {{ accounts }}.{{ measure }}_target_minutes * 60)
{%- endmacro %}
