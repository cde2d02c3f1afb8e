{# The measures that the daily aggregates share, each defined once.

   An aggregate stacks what happened (conversations started, first responses given, messages sent, surveys sent and answered)
   under its own key and day, by `happenings`, and then measures the stack, by `daily_measures`. #}

{# The stack, out of the CTEs `conversations`, `messages` and `surveys`, each of which has the key's column and holds what lies on
   touched days; a first response may count under another column of `conversations`, the responder. #}
{% macro happenings(key, responder=none) -%}
    select
        account_id,
        {{ key }},
        {{ happening(['conversation'] if responder else ['conversation', 'first_response']) }},
        started_on as report_date
    from conversations

    {% if responder -%}
    union all

    select
        account_id,
        {{ responder }} as {{ key }},
        {{ happening(['first_response']) }},
        started_on as report_date
    from conversations
    where first_response_at is not null

    {% endif -%}
    union all

    select
        account_id,
        {{ key }},
        {{ happening(['messages']) }},
        sent_on as report_date
    from messages
    group by account_id, {{ key }}, sent_on

    union all

    select
        account_id,
        {{ key }},
        {{ happening(['survey_sent']) }},
        sent_on as report_date
    from surveys
    where {{ on_touched_days('sent_on') }}

    union all

    select
        account_id,
        {{ key }},
        {{ happening(['survey_answered']) }},
        responded_on as report_date
    from surveys
    where
        rating is not null
        and {{ on_touched_days('responded_on') }}
{%- endmacro %}


{# Kinds of happenings as the columns of the stack; what they say nothing of is null. #}

{% macro happening(kinds) -%}
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
    {%- set told = {} -%}
    {%- set columns_of = {
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
        'survey_answered': {'csat_rating': 'rating'},
    } -%}
    {%- for kind in kinds -%}
        {%- do told.update(columns_of[kind]) -%}
    {%- endfor -%}
    {%- for column, type in columns.items() %}
        cast({{ told.get(column, 'null') }} as {{ type }}) as {{ column }}
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
