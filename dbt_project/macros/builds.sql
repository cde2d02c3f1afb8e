{# The record of builds, in schema `build` of the candidate: which build made a row, and whether a build may add to the one before.

   `builds` has a row for each build since the last full one, that one included. `changes` has a row for each day that gained or
   lost a row of a table in an incremental build. A build is complete once the program that ran dbt has written `completed_at`. #}

{# Runs before the models. A build is full where you ask for it, and where the one before it did not complete. One of a part of the
   models is not: the rows of the other tables keep their builds. #}
{% macro begin_build() -%}
    {%- if execute and flags.WHICH in ('build', 'run') -%}
        {%- do run_query('create schema if not exists candidate.build') -%}
        {%- do run_query(
            'create table if not exists candidate.build.builds (build_id varchar, is_full boolean, fingerprint varchar,'
            ~ ' rules varchar, batches varchar[], result varchar, build_number bigint, started_at timestamp, completed_at timestamp)'
        ) -%}
        {%- do run_query(
            'create table if not exists candidate.build.changes (build_id varchar, table_name varchar, account_id varchar,'
            ~ ' conversation_id varchar, changed_on date)'
        ) -%}
        {%- do run_query("comment on table candidate.build.builds is 'The builds since the last full one. One row per build.'") -%}
        {%- do run_query(
            "comment on table candidate.build.changes is 'The days on which incremental builds changed a table. One row per build,"
            ~ " table, day and conversation.'"
        ) -%}
        {%- set builds = run_query('select count(*), count(completed_at) from candidate.build.builds').rows[0] -%}
        {%- set models = graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') | map(attribute='unique_id') -%}
        {%- set is_of_all = models | reject('in', selected_resources) | list | length == 0 -%}
        {%- set is_full = (flags.FULL_REFRESH and is_of_all) or builds[0] == 0 or builds[0] != builds[1] -%}
        {%- if is_full -%}
            {%- do run_query('delete from candidate.build.builds') -%}
            {%- do run_query('delete from candidate.build.changes') -%}
        {%- endif -%}
        {%- do run_query(
            "insert into candidate.build.builds (build_id, is_full, build_number, started_at)"
            ~ " select '" ~ invocation_id ~ "', " ~ is_full ~ ", count(*) + 1, timezone('UTC', now()) from candidate.build.builds"
        ) -%}
    {%- endif -%}
{%- endmacro %}


{# The one switch between full and incremental builds, in place of dbt's own: models and materializations ask it. #}
{% macro should_full_refresh() -%}
    {%- if flags.FULL_REFRESH or target.type != 'duckdb' or model.resource_type == 'unit_test'
        or flags.WHICH not in ('build', 'run') -%}
        {{ return(true) }}
    {%- endif -%}
    {%- set builds = "select is_full from candidate.build.builds where build_id = '" ~ invocation_id ~ "'" -%}
    {{ return(run_query(builds).columns[0].values()[0]) }}
{%- endmacro %}


{# Whether this build adds to the tables of the builds before it. While dbt parses, true, so that it finds all dependencies. #}
{% macro is_increment() -%}
    {{ return(not execute or not should_full_refresh()) }}
{%- endmacro %}


{# The build that makes the row. #}
{% macro build_id() -%}
    '{{ invocation_id }}'
{%- endmacro %}
