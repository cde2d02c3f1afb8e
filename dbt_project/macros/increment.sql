{# What an increment builds anew. Where a model is built as a whole, none of this is used.

   What is new (the rows of staging, of new files alone) and what was built of the same records before compete, and what
   depends on records that changed is built anew: conversations with all their messages, and in the daily tables
   whole days. #}

{# A model that only increments read. Unit tests, which build on nothing, need not give its rows. #}
{% macro increment_ref(name) -%}
    {{ return('' if execute and model.resource_type == 'unit_test' else ref(name)) }}
{%- endmacro %}


{# The table of another model as the last build left it. Not by `ref`: the model comes later in this build. #}
{% macro as_built(model, layer='intermediate') -%}
    {{ api.Relation.create(database=target.database or none, schema=layer, identifier=model) }}
{%- endmacro %}


{# Whether this build adds to what was built before. While dbt only reads the models it says so, for dbt to find what they
   depend on; a unit test builds on nothing. What a build makes last tells that one came to its end. #}
{% macro is_increment() -%}
    {%- if not execute -%}
        {{ return(true) }}
    {%- endif -%}
    {%- set built = adapter.get_relation(target.database or none, 'marts', 'agg_by_agent') -%}
    {{ return(model.resource_type != 'unit_test' and not flags.FULL_REFRESH and built is not none) }}
{%- endmacro %}


{# The rows of a model, as the last build left it, that belong to conversations to be built anew. #}
{% macro built_of_touched_conversations() -%}
    (
        select * from {{ this }}
        where conversation_id in (select conversation_id from {{ increment_ref('int_touched_conversations') }})
    )
{%- endmacro %}


{# The rows of a table that fulfil one of the conditions, which few of them do: `select *`, where the engine can without reading
   all columns of the others. #}
{% macro few_rows_of(table, conditions) -%}
    {{ return(adapter.dispatch('few_rows_of', 'conversation_reports')(table, conditions)) }}
{%- endmacro %}

{% macro default__few_rows_of(table, conditions) -%}
    select * from {{ table }} where ({{ conditions | join(') or (') }})
{%- endmacro %}

{# Each condition by itself: put together by `or`, it is no join to the engine, and costs several times as much. #}
{% macro duckdb__few_rows_of(table, conditions) -%}
    select * from {{ table }} where rowid in (
        {%- for condition in conditions %}
        select rowid from {{ table }} where {{ condition }}
        {%- if not loop.last %}
        union all
        {%- endif %}
        {%- endfor %}
    )
{%- endmacro %}


{# The condition that a row is to be built anew; true where the model is built as a whole. #}
{% macro is_touched(key, touched) -%}
    {%- set touched = increment_ref(touched) -%}
    {%- if is_incremental() -%}
    {{ key }} in (select {{ key }} from {{ touched }})
    {%- else -%}
    true
    {%- endif -%}
{%- endmacro %}


{# The same of a row of `int_messages` by its conversation. What was built of the newest batch lies together there, so that
   the engine need not look at the others, which are many. #}
{% macro is_touched_message() -%}
    {%- set files = increment_ref('stg_ingest__files') -%}
    {{ is_touched('conversation_id', 'int_touched_conversations') }}
    {%- if is_incremental() %}
        and built_batch_id in (select max(batch_id) from {{ files }})
    {%- endif -%}
{%- endmacro %}


{# The same of a day of the daily tables; of several days of a row, one is enough. #}
{% macro on_touched_days() -%}
    {%- set touched = increment_ref('int_touched_days') -%}
    {%- if is_incremental() -%}
    (
        {%- for day in varargs -%}
        (account_id, {{ day }}) in (select account_id, report_date from {{ touched }})
        {%- if not loop.last %} or {% endif %}
        {%- endfor -%}
    )
    {%- else -%}
    true
    {%- endif -%}
{%- endmacro %}


{# The model that names what is to be built anew, by its key. #}
{% macro touched_by(key) -%}
    {{ return(ref({
        'contact_id': 'int_touched_contacts',
        'conversation_id': 'int_touched_conversations',
        'message_id': 'int_replaced_messages',
        'report_date': 'int_touched_days',
    }[key[-1]])) }}
{%- endmacro %}


{# The strategy of incremental models of which a build replaces all rows of what it touched: those that are gone, too. #}
{% macro get_incremental_replace_touched_sql(arguments) -%}
    {%- set key = arguments['unique_key'] if arguments['unique_key'] is not string else [arguments['unique_key']] -%}
    {%- set columns = get_quoted_csv(arguments['dest_columns'] | map(attribute='name')) -%}
    delete from {{ arguments['target_relation'] }}
    where ({{ key | join(', ') }}) in (select {{ key | join(', ') }} from {{ touched_by(key) }});

    insert into {{ arguments['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ arguments['temp_relation'] }}
{%- endmacro %}

