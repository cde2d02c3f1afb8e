{# How an increment comes into a table on Spark, whose plain Parquet tables know no delete: what holds rows to be replaced
   is written anew. Of a table with `partition_by` those partitions alone are overwritten, any other is written as a whole.

   What a build leaves that was killed between two statements does not count: the next one builds all anew. #}

{% materialization incremental, adapter='spark' -%}
    {%- set existing = load_relation(this) -%}
    {%- set table = this.incorporate(type='table') -%}
    {%- set partition = config.get('partition_by') -%}
    {{ run_hooks(pre_hooks) }}

    {%- if existing is none or existing.is_view or should_full_refresh() -%}
        {%- if existing is not none -%}
            {%- do adapter.drop_relation(existing) -%}
        {%- endif -%}
        {%- set rows = 'select * from (\n' ~ compiled_code ~ '\n) distribute by ' ~ partition -%}
        {%- call statement('main') -%}
            {{ create_table_as(false, table, rows if partition else compiled_code) }}
        {%- endcall -%}
    {%- else -%}
        {%- set new = make_spark_table(this, '__new', compiled_code) -%}
        {%- set columns = adapter.get_columns_in_relation(table) | map(attribute='quoted') | join(', ') -%}
        {%- if partition -%}
            {%- set days = make_spark_table(this, '__days', touched_partitions(table, new, partition)) -%}
            {%- set next = make_spark_table(this, '__next', kept_and_new(table, new, columns, days, partition)) -%}
            {%- call statement('main') -%}
                insert overwrite table {{ table }} partition ({{ partition }})
                select {{ columns }} from {{ next }} distribute by {{ partition }}
            {%- endcall -%}
            {%- do drop_emptied_partitions(table, days, next, partition) -%}
            {%- do run_query('drop table ' ~ days) -%}
            {%- do run_query('drop table ' ~ next) -%}
        {%- else -%}
            {%- set next = make_spark_table(this, '__next', kept_and_new(table, new, columns)) -%}
            {%- do run_query('drop table ' ~ table) -%}
            {%- call statement('main') -%}
                alter table {{ next }} rename to {{ table }}
            {%- endcall -%}
        {%- endif -%}
        {%- do run_query('drop table ' ~ new) -%}
    {%- endif -%}

    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [table]}) }}
{%- endmaterialization %}


{# A table beside the model's, of the name with this ending. #}
{% macro make_spark_table(relation, ending, sql) -%}
    {%- set table = relation.incorporate(path={'identifier': relation.identifier ~ ending}, type='table') -%}
    {%- do run_query('drop table if exists ' ~ table) -%}
    {%- do run_query('create table ' ~ table ~ ' using parquet as\n' ~ sql) -%}
    {{ return(table) }}
{%- endmacro %}


{# Joins a row to the keys that are replaced: those that were touched, or those of which there are new rows. #}
{% macro on_replaced(new) -%}
    {%- set key = config.get('unique_key') if config.get('unique_key') is not string else [config.get('unique_key')] -%}
    {%- set replaced = touched_by(key) if config.get('incremental_strategy') == 'replace_touched' else new -%}
    (select distinct {{ key | join(', ') }} from {{ replaced }}) as replaced
    on {% for column in key %}existing.{{ column }} = replaced.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
{%- endmacro %}


{# The partitions that hold or will hold rows that are replaced. #}
{% macro touched_partitions(table, new, partition) -%}
    select existing.{{ partition }} from {{ table }} as existing
    left semi join {{ on_replaced(new) }}
    union distinct
    select {{ partition }} from {{ new }}
{%- endmacro %}


{# All rows of a table as they are to be, or those of some partitions. #}
{% macro kept_and_new(table, new, columns, days=none, partition=none) -%}
    select {{ columns }} from {{ table }} as existing
    left anti join {{ on_replaced(new) }}
    {%- if days %}
    where exists (select 1 from {{ days }} as days where existing.{{ partition }} <=> days.{{ partition }})
    {%- endif %}
    union all
    select {{ columns }} from {{ new }}
{%- endmacro %}


{# An overwrite leaves a partition alone for which it has no row. #}
{% macro drop_emptied_partitions(table, days, next, partition) -%}
    {%- set emptied = run_query(
        'select cast(days.' ~ partition ~ ' as string) from ' ~ days ~ ' as days left anti join ' ~ next
        ~ ' as next on days.' ~ partition ~ ' <=> next.' ~ partition
    ) -%}
    {%- for (day,) in emptied.rows -%}
        {%- do run_query(
            'alter table ' ~ table ~ ' drop if exists partition (' ~ partition ~ ' = '
            ~ ('null' if day is none else "'" ~ day ~ "'") ~ ')'
        ) -%}
    {%- endfor -%}
{%- endmacro %}
