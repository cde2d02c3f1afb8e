{# Targets of an account, as `dim_accounts` has them: of the first response, of a reply, and of the resolution. #}

{# Whether a time keeps the account's target of this measure, on the clock of the target; null without a target. #}
{% macro is_within_target(measure, seconds, working_seconds, accounts='accounts') -%}
    (case when {{ accounts }}.{{ measure }}_target_clock = 'working' then {{ working_seconds }} else {{ seconds }} end
        <= {{ accounts }}.{{ measure }}_target_minutes * 60)
{%- endmacro %}
