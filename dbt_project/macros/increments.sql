{# Incremental builds: the contact is the unit of change. See docs/architecture.md.

   A build lists the owners whose rows may change (`int_changed_owners`) and every record that can belong to them
   (`int_changed_records`). Staging reads only these records, with all their versions. Every model then computes the rows of these
   owners as in a full build, and the incremental strategy replaces the rows that differ. #}

{# The columns of a mention: the conversation and the contact that a raw record names. #}
{% macro mention(entity, record_id, conversation_id='null', contact_id='null', row_id=none) -%}
    select
        '{{ entity }}' as entity,
        _account_id as account_id,
        {{ record_id }} as record_id,
        _account_id || ':' || {{ row_id or record_id }} as row_id,
        _account_id || ':' || {{ conversation_id }} as conversation_id,
        _account_id || ':' || {{ contact_id }} as contact_id,
        _file_id as file_id
{%- endmacro %}


{# The raw records of an entity; in an incremental build, all versions of the changed records. `id` is the record id as
   in the mentions. #}
{% macro raw_records(entity, source, id='id') -%}
    {%- if is_increment() -%}
    (
        select *
        from {{ source }} as records
        where (records._account_id, {{ id }}) in (
            select
                account_id,
                record_id
            from {{ ref('int_changed_records') }}
            where entity = '{{ entity }}'
        )
    )
    {%- else -%}
    {{ source }}
    {%- endif -%}
{%- endmacro %}


{# The condition on a mention that its file is new to the candidate; true in a full build. #}
{% macro is_in_new_file() -%}
    {%- if is_increment() -%}
    (account_id, file_id) in (
        select
            account_id,
            file_id
        from {{ ref('stg_ingest__files') }}
        where is_new
    )
    {%- else -%}
    true
    {%- endif -%}
{%- endmacro %}


{# The condition on a row of a fact that its owner is among the changed ones; true in a full build. #}
{% macro is_changed(owner_key='owner_key') -%}
    {%- if is_increment() -%}
    {{ owner_key }} in (select owner_key from {{ ref('int_changed_owners') }})
    {%- else -%}
    true
    {%- endif -%}
{%- endmacro %}


{# The condition on a row that at least one of its days is rebuilt; true in a full build. #}
{% macro is_on_changed_day() -%}
    {%- if is_increment() -%}
    (
        {%- for day in varargs -%}
        ({{ kwargs.get('account_id', 'account_id') }}, {{ day }}) in (select account_id, changed_on from {{ ref('int_changed_days') }})
        {%- if not loop.last %} or {% endif %}
        {%- endfor -%}
    )
    {%- else -%}
    true
    {%- endif -%}
{%- endmacro %}


{# The owner of a row: half of the contact's key, else of the conversation's, else of the message's. Half a key is a number, which
   is fast to compare. #}
{% macro owner_key(contact_key, conversation_id, message_id) -%}
    {{ half_key('coalesce(' ~ [
        contact_key,
        keyed_hash("'conversation ' || " ~ conversation_id),
        keyed_hash("'message ' || " ~ message_id),
    ] | join(', ') ~ ')') }}
{%- endmacro %}


{# Replaces the rows that differ, and logs the days on which rows were added or removed.

   If `unique_key` is account and day, the strategy compares the rows of changed days, otherwise the rows of changed owners.
   `counts_on` lists the columns with the days to log. `build_id` is not compared, so equal rows keep it. #}
{% macro get_incremental_replace_changed_sql(arguments) -%}
    {%- set target_table = arguments['target_relation'] -%}
    {%- set new_rows = arguments['temp_relation'] -%}
    {%- set key = arguments['unique_key'] if arguments['unique_key'] is not string else [arguments['unique_key']] -%}
    {%- set names = arguments['dest_columns'] | map(attribute='name') | list -%}
    {%- set compared = names | reject('equalto', 'build_id') | join(', ') -%}
    {%- set differing = target_table.identifier ~ '__differing' -%}
    {%- set replaced = target_table.identifier ~ '__replaced' -%}
    {%- set scope = is_on_changed_day(key[1]) if key[0] == 'account_id' else is_changed() -%}

    create or replace temp table {{ replaced }} as
    select rowid as replaced_row, * from {{ target_table }} where {{ scope }};

    create or replace temp table {{ differing }} as
    (select {{ compared }} from {{ replaced }} except select {{ compared }} from {{ new_rows }})
    union all
    (select {{ compared }} from {{ new_rows }} except select {{ compared }} from {{ replaced }});

    delete from {{ target_table }} where rowid in (
        select replaced_row from {{ replaced }}
        where ({{ key | join(', ') }}) in (select {{ key | join(', ') }} from {{ differing }})
    );

    insert into {{ target_table }} ({{ names | join(', ') }})
    select {{ names | join(', ') }} from {{ new_rows }}
    where ({{ key | join(', ') }}) in (select {{ key | join(', ') }} from {{ differing }});

    {% for day in config.get('counts_on', []) %}
    insert into candidate.build.changes
    select distinct
        {{ build_id() }}, '{{ target_table.identifier }}', account_id,
        {{ 'conversation_id' if 'conversation_id' in names else 'null' }}, cast({{ day }} as date)
    from {{ differing }}
    where {{ day }} is not null;
    {% endfor %}

    drop table {{ differing }};
    drop table {{ replaced }}
{%- endmacro %}
