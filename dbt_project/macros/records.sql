{# Records as the platforms tell them: what of them is new in an increment, and which version of each is the latest. #}

{# The column that tells the records of an entity apart, and all columns of its staging that are kept. #}
{% macro record(entity) -%}
    {{ return({
        'conversations': {
            'key': 'conversation_id',
            'columns': [
                'conversation_id',
                'account_id',
                'source_conversation_id',
                'contact_id',
                'agent_id',
                'channel_id',
                'team_id',
                'origin',
                'status',
                'agent_name',
                'tags',
                'started_at',
                'closed_at',
                'updated_at',
            ],
        },
        'messages': {
            'key': 'message_id',
            'columns': [
                'message_id',
                'account_id',
                'conversation_id',
                'contact_id',
                'agent_id',
                'agent_name',
                'source',
                'message_type',
                'delivery_status',
                'template_name',
                'error_code',
                'pricing_category',
                'is_inbound',
                'is_automated',
                'is_billable',
                'sent_at',
                'delivered_at',
                'read_at',
                'failed_at',
            ],
        },
        'conversation_events': {
            'key': 'event_id',
            'columns': [
                'event_id',
                'account_id',
                'conversation_id',
                'agent_id',
                'event_type',
                'reason',
                'occurred_at',
            ],
        },
        'surveys': {
            'key': 'survey_id',
            'columns': [
                'survey_id',
                'account_id',
                'conversation_id',
                'rating',
                'sent_at',
                'responded_at',
            ],
        },
        'contacts': {
            'key': 'contact_id',
            'columns': [
                'contact_id',
                'account_id',
                'source',
                'tags',
                'created_at',
            ],
        },
    }[entity]) }}
{%- endmacro %}


{# Where a version of a record lies in raw, and how new it is: null where a platform's staging does not tell. #}
{% macro version_columns() -%}
    {{ return({
        'file_id': dbt.type_string(),
        'line': 'bigint',
        'position': 'bigint',
        'version_at': 'timestamp',
    }) }}
{%- endmacro %}


{# The rows of an intermediate model as records were told: without what was found out of them since. #}
{% macro as_told(entity, built) -%}
    {%- set found_since = {
        'conversation_id': 'case when names_conversation then conversation_id end',
        'contact_id': 'case when names_contact then contact_id end',
    } if entity == 'messages' else {} -%}
    select
        {%- for column in record(entity).columns + (version_columns() | list) %}
        {{ found_since[column] ~ ' as ' if column in found_since }}{{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ built }}
    {%- if entity == 'contacts' %}
    where is_exported
    {%- endif %}
{%- endmacro %}


{# The latest of each record, of what is new and, in an increment, of what was `built` before. #}
{% macro latest_record(entity, built) -%}
    {%- set files = increment_ref('stg_ingest__files') -%}
    {%- set incoming = increment_ref('int_incoming_' ~ entity) -%}
    {%- set columns = (record(entity).columns + (version_columns() | list)) | join(', ') -%}
    {%- if not is_incremental() -%}
        {{ union_platforms(entity, with_versions=true) }}
    {%- else -%}
        select {{ columns }}
        from (
            select
                candidates.*,
                row_number() over (
                    partition by candidates.{{ record(entity).key }}
                    order by
                        candidates.version_at desc nulls last,
                        files.file_rank desc nulls last,
                        candidates.line desc,
                        candidates.position desc,
                        -- A version that is staged again has nothing but this to tell it from the one before.
                        candidates.is_incoming desc
                ) as version_rank
            from (
                select
                    {{ columns }},
                    is_gone,
                    true as is_incoming
                from {{ incoming }}

                union all

                select
                    {{ columns }},
                    false as is_gone,
                    false as is_incoming
                from ({{ as_told(entity, built) }}) as told
            ) as candidates
            left join {{ files }} as files
                on
                    candidates.account_id = files.account_id
                    and candidates.file_id = files.file_id
                    and files.entity = '{{ entity }}'
        ) as ranked
        where
            version_rank = 1
            and not is_gone
    {%- endif -%}
{%- endmacro %}


{# What is new of an entity in an increment: the records in new files; of a platform whose staging folds all versions of a
   record, those that it tells otherwise than before. One that it tells no more `is_gone`: nothing but its key is known. #}
{% macro incoming(entity) -%}
    {%- set key = record(entity).key -%}
    {%- set columns = record(entity).columns -%}
    {%- set parts = [] -%}
    {%- for platform in var('platforms') if entity not in var('lacking').get(platform, []) -%}
        {%- set staged = ref('stg_' ~ platform ~ '__' ~ entity) -%}
        {%- if platform in var('incremental_platforms') -%}
            {%- do parts.append(new_records(staged, columns)) -%}
        {%- elif is_restaged(platform) -%}
            {%- do parts.append(changed_records(entity, staged, platform)) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if is_increment() -%}
        {{ parts | join('\n\nunion all\n\n') }}
    {%- else -%}
        select cast(null as {{ dbt.type_string() }}) as {{ key }}
        where 1 = 0
    {%- endif -%}
{%- endmacro %}


{% macro new_records(staged, columns) -%}
    select
        {{ columns | join(', ') }},
        {{ version_columns() | join(', ') }},
        false as is_gone
    from {{ staged }}
{%- endmacro %}


{% macro changed_records(entity, staged, platform) -%}
    {%- set key = record(entity).key -%}
    select
        {%- for column in record(entity).columns %}
        {{ 'coalesce(staged.%s, built.%s) as %s' % (column, column, column) if column in (key, 'account_id')
            else 'staged.' ~ column }},
        {%- endfor %}
        {%- for column, type in version_columns().items() %}
        cast(null as {{ type }}) as {{ column }},
        {%- endfor %}
        staged.{{ key }} is null as is_gone
    from {{ staged }} as staged
    full outer join (
        select * from ({{ as_told(entity, as_built('int_' ~ entity)) }}) as told
        where account_id in (select account_id from {{ ref('accounts') }} where platform = '{{ platform }}')
    ) as built
        on staged.{{ key }} = built.{{ key }}
    where
        {%- for column in record(entity).columns %}
        {{ 'or ' if not loop.first }}staged.{{ column }} is distinct from built.{{ column }}
        {%- endfor %}
{%- endmacro %}


{# Whether all records of a platform are staged again in this increment. #}
{% macro is_restaged(platform) -%}
    {%- set accounts = ref('int_restaged_accounts') -%}
    {%- if not execute -%}
        {{ return(true) }}
    {%- endif -%}
    {%- set asked = "select count(*) as accounts from " ~ accounts ~ " where platform = '" ~ platform ~ "'" -%}
    {{ return(is_increment() and run_query(asked).columns[0].values()[0] > 0) }}
{%- endmacro %}
