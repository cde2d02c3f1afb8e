{# The rows of one entity over all platforms that have it: `stg_<platform>__<entity>` of each. #}
{% macro union_platforms(entity) -%}
    {%- for platform in platforms() if entity not in var('missing_entities').get(platform, []) %}
    select * from {{ ref('stg_' ~ platform ~ '__' ~ entity) }}
        {%- if not loop.last %}

    union all
        {% endif %}
    {%- else %}
    {{ no_rows_of(entity) }}
    {%- endfor %}
{%- endmacro %}


{# The platforms that are built: those that an account uses, or all of them where CONVERSATIONS_PLATFORMS is not set. #}
{% macro platforms() -%}
    {{ return(env_var('CONVERSATIONS_PLATFORMS', 'activecampaign,chatwoot,whatsapp_cloud').split(',')) }}
{%- endmacro %}


{# An entity that no platform has. #}
{% macro no_rows_of(entity) -%}
    {%- set text_columns = {
        'tag_names': ['account_id', 'tagged', 'source_tag_id', 'tag_name', 'file_id'],
        'contact_links': ['account_id', 'contact_id', 'linked_contact_id', 'file_id'],
        'surveys': ['survey_id', 'account_id', 'conversation_id', 'agent_id'],
        'conversation_events': ['event_id', 'account_id', 'conversation_id', 'agent_id', 'event_type', 'reason'],
    }[entity] -%}
    {%- set other_columns = {
        'tag_names': {'seen_at': 'timestamp'},
        'surveys': {'rating': 'integer', 'sent_at': 'timestamp', 'responded_at': 'timestamp'},
        'conversation_events': {'occurred_at': 'timestamp'},
    }.get(entity, {}) -%}
    select
        {% for column in text_columns -%}
        cast(null as {{ dbt.type_string() }}) as {{ column }}
            {%- if not loop.last or other_columns %}, {% endif %}
        {%- endfor %}
        {%- for column, type in other_columns.items() %}
        cast(null as {{ type }}) as {{ column }}
            {%- if not loop.last %}, {% endif %}
        {%- endfor %}
    where 1 = 0
{%- endmacro %}


{# The platforms that export a kind of conversation event, as an SQL list. #}
{% macro platforms_with_event(event_type) -%}
    {%- set names = [] -%}
    {%- for platform, event_types in var('event_types').items() if event_type in event_types -%}
        {%- do names.append("'" ~ platform ~ "'") -%}
    {%- endfor -%}
    ({{ names | join(', ') }})
{%- endmacro %}
