{# The measures that the daily aggregates share, each defined once.

   An aggregate model unions all activity by key and day with `activity` (conversations started and closed, turns, messages,
   surveys), and aggregates the union with `daily_measures`. #}

{# The union of the activity in the CTEs `conversations`, `turns` and `messages`. Each of them has the key column. First responses
   and surveys can have other key columns of `conversations`: the agent who responded and the agent who was rated. #}
{% macro activity(key, responder=none, rated=none) -%}
    {%- set parts = [
        {'kind': 'conversation', 'from': 'conversations', 'key': key, 'day': 'started_on'},
        {
            'kind': 'first_response', 'from': 'conversations', 'key': responder or key, 'day': 'started_on',
            'where': '(first_response_at is not null or is_first_response_within_target is not null)',
        },
        {'kind': 'close', 'from': 'conversations', 'key': key, 'day': 'closed_on'},
        {'kind': 'survey_sent', 'from': 'conversations', 'key': rated or key, 'day': 'survey_sent_on'},
        {
            'kind': 'survey_answered', 'from': 'conversations', 'key': rated or key, 'day': 'survey_responded_on',
            'where': 'csat_rating is not null',
        },
        {'kind': 'turn', 'from': 'turns', 'key': key, 'day': 'asked_on'},
        {'kind': 'messages', 'from': 'messages', 'key': key, 'day': 'sent_on'},
    ] -%}
    {%- for part in parts %}
    select
        account_id,
        {{ part.key }}{% if part.key != key %} as {{ key }}{% endif %},
        {{ activity_columns(part.kind) }},
        {{ part.day }} as report_date
    from {{ part.from }}
        {%- if part.kind == 'messages' %}
    group by account_id, {{ key }}, sent_on
        {%- else %}
    where
        {{ part.day }} is not null
        and {{ is_on_changed_day(part.day) }}
            {%- if part.where %}
        and {{ part.where }}
            {%- endif %}
        {%- endif %}
        {%- if not loop.last %}

    union all
        {% endif %}
    {%- endfor %}
{%- endmacro %}


{# The measures of each kind of activity: the SQL of the value by column. #}
{% macro activity_values() -%}
    {{ return({
        'conversation': {
            'contact_key': 'contact_key',
            'conversations': '1',
            'closed': 'case when is_closed then 1 else 0 end',
            'reopens': 'reopens',
            'one_touch': 'case when is_one_touch then 1 else 0 end',
            'automation_only': 'case when is_automation_only then 1 else 0 end',
            'windows_expired': 'windows_expired',
            'repeats': 'case when is_repeat then 1 else 0 end',
            'duration': 'duration_seconds',
            'total_wait': 'total_wait_seconds',
            'duration_on_target': 'is_duration_within_target',
        },
        'first_response': {
            'first_response': 'first_response_seconds',
            'first_response_working': 'first_response_working_seconds',
            'first_response_on_target': 'is_first_response_within_target',
        },
        'close': {'closed_on_day': '1'},
        'survey_sent': {
            'surveys_sent': '1',
            'surveys_answered': 'case when csat_rating is not null then 1 else 0 end',
        },
        'survey_answered': {'csat': 'csat_rating'},
        'turn': {
            'turns_answered': "case when outcome = 'answered' then 1 else 0 end",
            'turns_closed': "case when outcome = 'closed' then 1 else 0 end",
            'reply': 'wait_seconds',
            'reply_on_target': 'is_within_target',
        },
        'messages': {
            'inbound_messages': "count(case when direction = 'inbound' then 1 end)",
            'outbound_messages': "count(case when direction = 'outbound' then 1 end)",
            'agent_messages': 'count(case when is_agent_message then 1 end)',
            'automated_messages': 'count(case when is_automated then 1 end)',
            'messages': 'count(*)',
        },
    }) }}
{%- endmacro %}


{# The columns of the union for one kind of activity. The columns of other kinds are null. #}
{% macro activity_columns(kind) -%}
    {%- set values = activity_values()[kind] -%}
    {%- set types = {'contact_key': dbt.type_string()} -%}
    {%- for count in var('counts') if count != 'distinct_contacts' %}{% do types.update({count: 'bigint'}) %}{% endfor -%}
    {%- for time in var('times') + ['csat'] %}{% do types.update({time: 'double'}) %}{% endfor -%}
    {%- for target in var('targets') %}{% do types.update({target ~ '_on_target': 'boolean'}) %}{% endfor -%}
    {%- for column, type in types.items() %}
        cast({{ values.get(column, 'null') }} as {{ type }}) as {{ column }}
        {%- if not loop.last %}, {% endif %}
    {%- endfor %}
{%- endmacro %}


{# The measures of a group of the union. The number of reopens is null if it is null for every conversation. #}
{% macro daily_measures() -%}
    {%- for count in var('counts') %}
        {%- if count == 'distinct_contacts' %}
        count(distinct contact_key) as distinct_contacts,
        {%- elif count == 'reopens' %}
        case when count(conversations) = 0 or count(reopens) > 0 then coalesce(cast(sum(reopens) as bigint), 0) end as reopens,
        {%- else %}
        coalesce(cast(sum({{ count }}) as bigint), 0) as {{ count }},
        {%- endif %}
    {%- endfor %}
    {%- for time in var('times') %}
        {{ timed_measure(time, time) }},
    {%- endfor %}
        count(csat) as csat_n,
        sum(csat) as csat_sum,
        avg(csat) as csat_avg
    {%- for target in var('targets') %},
        count({{ target }}_on_target) as {{ target }}_on_target_n,
        count(case when {{ target }}_on_target then 1 end) as {{ target }}_on_target_met
    {%- endfor %}
{%- endmacro %}
