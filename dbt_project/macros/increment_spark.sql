{# How an increment comes into a table on Spark, whose plain Parquet tables know no delete: what holds rows to be replaced
   is written anew. Of a table with `partition_by`, a date, those partitions alone are overwritten; any other is written
   as a whole.

   What a build leaves that was killed between two statements does not count: the next one builds all anew. #}

{% materialization incremental, adapter='spark' -%}
    {%- set existing = load_relation(this) -%}
    {%- set table = this.incorporate(type='table') -%}
    {%- set day = config.get('partition_by') -%}
    {{ run_hooks(pre_hooks) }}

    {%- if existing is none or existing.is_view or should_full_refresh() -%}
        {%- if existing is not none -%}
            {%- do adapter.drop_relation(existing) -%}
        {%- endif -%}
        {%- set rows = 'select * from (\n' ~ compiled_code ~ '\n) distribute by ' ~ day -%}
        {%- call statement('main') -%}
            {{ create_table_as(false, table, rows if day else compiled_code) }}
        {%- endcall -%}
    {%- else -%}
        {%- set new = make_spark_table(this, '__new', compiled_code) -%}
        {%- set columns = adapter.get_columns_in_relation(table) | map(attribute='quoted') | join(', ') -%}
        {%- if day -%}
            {%- set days = run_query(touched_days_of(table, new, day)).columns[0].values() -%}
            {%- set next = make_spark_table(this, '__next', kept_and_new(table, new, columns, is_one_of(day, days))) -%}
            {%- do run_query('set spark.sql.sources.partitionOverwriteMode = DYNAMIC') -%}
            {%- call statement('main') -%}
                insert overwrite table {{ table }} partition ({{ day }})
                select {{ columns }} from {{ next }} distribute by {{ day }}
            {%- endcall -%}
            {%- do drop_emptied_days(table, next, day, days) -%}
            {%- do run_query('drop table ' ~ next) -%}
        {%- else -%}
            {%- set next = make_spark_table(this, '__next', kept_and_new(table, new, columns, 'true')) -%}
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


{# The days that hold rows that are replaced, or will hold new ones. #}
{% macro touched_days_of(table, new, day) -%}
    select cast(existing.{{ day }} as string) from {{ table }} as existing
    left semi join {{ on_replaced(new) }}
    union distinct
    select cast({{ day }} as string) from {{ new }}
{%- endmacro %}


{# As literals, by which Spark reads no other partition. #}
{% macro is_one_of(day, days) -%}
    {%- set known = days | reject('none') | list -%}
    {%- set among = day ~ " in (date '" ~ known | join("', date '") ~ "')" if known else 'false' -%}
    ({{ among }}{{ ' or ' ~ day ~ ' is null' if none in days }})
{%- endmacro %}


{# The rows of a table as they are to be, of those that this condition takes. #}
{% macro kept_and_new(table, new, columns, condition) -%}
    select {{ columns }} from {{ table }} as existing
    left anti join {{ on_replaced(new) }}
    where {{ condition }}
    union all
    select {{ columns }} from {{ new }}
{%- endmacro %}


{# An overwrite leaves a partition alone for which it has no row. #}
{% macro drop_emptied_days(table, next, day, days) -%}
    {%- set filled = run_query('select distinct cast(' ~ day ~ ' as string) from ' ~ next).columns[0].values() -%}
    {%- for one in days if one not in filled -%}
        {%- set value = 'null' if one is none else "'" ~ one ~ "'" -%}
        {%- do run_query('alter table ' ~ table ~ ' drop if exists partition (' ~ day ~ ' = ' ~ value ~ ')') -%}
    {%- endfor -%}
{%- endmacro %}
