{# The rows of one entity from all built platforms that have it: the union of `stg_<platform>__<entity>`. #}
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


{# The platforms to build: those that an account uses, or all platforms if CONVERSATIONS_PLATFORMS is not set. #}
{% macro platforms() -%}
    {{ return(env_var('CONVERSATIONS_PLATFORMS', 'activecampaign,chatwoot,whatsapp_cloud').split(',')) }}
{%- endmacro %}


{# No rows of an entity that none of the built platforms has. #}
{% macro no_rows_of(entity) -%}
    {{ no_rows({
        'tag_names': {
            'account_id': 'text', 'tagged': 'text', 'source_tag_id': 'text', 'tag_name': 'text', 'file_id': 'text',
            'seen_at': 'timestamp',
        },
        'contact_links': {'account_id': 'text', 'contact_id': 'text', 'linked_contact_id': 'text', 'file_id': 'text'},
        'surveys': {
            'survey_id': 'text', 'account_id': 'text', 'conversation_id': 'text', 'agent_id': 'text', 'rating': 'integer',
            'sent_at': 'timestamp', 'responded_at': 'timestamp',
        },
        'conversation_events': {
            'event_id': 'text', 'account_id': 'text', 'conversation_id': 'text', 'agent_id': 'text', 'event_type': 'text',
            'reason': 'text', 'occurred_at': 'timestamp',
        },
    }[entity]) }}
{%- endmacro %}


{# No rows, with the given columns (type by name). `text` is the engine's string type, `owner` the type of an owner key. #}
{% macro no_rows(columns) -%}
    select
        {% for column, type in columns.items() -%}
        {% if type == 'owner' -%}
        {{ half_key('null') }} as {{ column }}
        {%- else -%}
        cast(null as {{ dbt.type_string() if type == 'text' else type }}) as {{ column }}
        {%- endif %}
        {%- if not loop.last %},
        {% endif %}
        {%- endfor %}
    where 1 = 0
{%- endmacro %}


{# The platforms that export an event type, as an SQL list. #}
{% macro platforms_with_event(event_type) -%}
    {%- set names = [] -%}
    {%- for platform, event_types in var('event_types').items() if event_type in event_types -%}
        {%- do names.append("'" ~ platform ~ "'") -%}
    {%- endfor -%}
    ({{ names | join(', ') }})
{%- endmacro %}
