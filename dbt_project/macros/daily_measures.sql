{# The measures that the daily aggregates share, each defined once.

   An aggregate stacks the activity of a day (conversations started, first responses given, messages sent, surveys sent and
   answered) under its own key by `activity`, and then aggregates the stack by `daily_measures`. #}

{# The stack, out of the CTEs `conversations` and `messages`, each of which has the key's column; a first response may count under
   another column of `conversations`, the responder. #}
{% macro activity(key, responder=none) -%}
    select
        account_id,
        {{ key }},
        {{ activity_columns(['conversation'] if responder else ['conversation', 'first_response']) }},
        started_on as report_date
    from conversations
    where {{ is_on_changed_day('started_on') }}

    {% if responder -%}
    union all

    select
        account_id,
        {{ responder }} as {{ key }},
        {{ activity_columns(['first_response']) }},
        started_on as report_date
    from conversations
    where
        first_response_at is not null
        and {{ is_on_changed_day('started_on') }}

    {% endif -%}
    union all

    select
        account_id,
        {{ key }},
        {{ activity_columns(['messages']) }},
        sent_on as report_date
    from messages
    group by account_id, {{ key }}, sent_on

    union all

    select
        account_id,
        {{ key }},
        {{ activity_columns(['survey_sent']) }},
        survey_sent_on as report_date
    from conversations
    where
        survey_sent_on is not null
        and {{ is_on_changed_day('survey_sent_on') }}

    union all

    select
        account_id,
        {{ key }},
        {{ activity_columns(['survey_answered']) }},
        survey_responded_on as report_date
    from conversations
    where
        csat_rating is not null
        and {{ is_on_changed_day('survey_responded_on') }}
{%- endmacro %}


{# The columns of the stack for these kinds of activity; the columns of other kinds are null. #}
{% macro activity_columns(kinds) -%}
    {%- set columns = {
        'contact_key': dbt.type_string(),
        'conversations': 'bigint',
        'messages': 'bigint',
        'inbound_messages': 'bigint',
        'agent_messages': 'bigint',
        'automated_messages': 'bigint',
        'closed': 'bigint',
        'reopens': 'bigint',
        'one_touch': 'bigint',
        'windows_missed': 'bigint',
        'surveys_sent': 'bigint',
        'duration_seconds': 'double',
        'first_response_seconds': 'double',
        'first_response_working_seconds': 'double',
        'wait_sum_seconds': 'double',
        'csat_rating': 'double',
    } -%}
    {%- set expressions = {} -%}
    {%- set expressions_of = {
        'conversation': {
            'contact_key': 'contact_key',
            'conversations': '1',
            'closed': 'case when is_closed then 1 else 0 end',
            'reopens': 'reopens',
            'one_touch': 'case when is_one_touch then 1 else 0 end',
            'windows_missed': 'windows_missed',
            'duration_seconds': 'duration_seconds',
            'wait_sum_seconds': 'wait_sum_seconds',
        },
        'first_response': {
            'first_response_seconds': 'first_response_seconds',
            'first_response_working_seconds': 'first_response_working_seconds',
        },
        'messages': {
            'messages': 'count(*)',
            'inbound_messages': "count(case when direction = 'inbound' then 1 end)",
            'agent_messages': 'count(case when is_agent_message then 1 end)',
            'automated_messages': 'count(case when is_automated then 1 end)',
        },
        'survey_sent': {'surveys_sent': '1'},
        'survey_answered': {'csat_rating': 'csat_rating'},
    } -%}
    {%- for kind in kinds -%}
        {%- do expressions.update(expressions_of[kind]) -%}
    {%- endfor -%}
    {%- for column, type in columns.items() %}
        cast({{ expressions.get(column, 'null') }} as {{ type }}) as {{ column }}
        {%- if not loop.last %}, {% endif %}
    {%- endfor %}
{%- endmacro %}


{% macro daily_measures(counts) -%}
    {%- for count in counts %}
        {%- if count == 'distinct_contacts' %}
        count(distinct contact_key) as distinct_contacts,
        {%- else %}
        coalesce(cast(sum({{ count }}) as bigint), 0) as {{ count }},
        {%- endif %}
    {%- endfor %}
    {{ timed_measure('duration_seconds', 'duration') }},
    {{ timed_measure('first_response_seconds', 'first_response') }},
    {{ timed_measure('first_response_working_seconds', 'first_response_working') }},
    {{ timed_measure('wait_sum_seconds', 'wait') }},
    count(csat_rating) as csat_n,
    sum(csat_rating) as csat_sum,
    avg(csat_rating) as csat_avg
{%- endmacro %}


{% macro daily_counts() -%}
    {{ return([
        'conversations', 'distinct_contacts', 'messages', 'closed', 'reopens', 'one_touch', 'windows_missed', 'surveys_sent'
    ]) }}
{%- endmacro %}
