{# The log of builds, in schema `build` of the candidate. It shows which build wrote a row and whether a build can be incremental.

   `builds` has one row for the last full build and for each build after it. `changes` has one row for each day on which an
   incremental build added or removed rows of a table. A build is complete once `completed_at` is set,
   which the program that runs dbt does. #}

{# Runs before the models and logs the build. A build is full if it is a full refresh of all models, if it is the first one, or if
   a previous build did not complete. A full refresh of some models is not: the rows of the other tables keep their `build_id`. #}
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


{# The only switch between full and incremental builds. It overrides dbt's macro, which models and materializations call. #}
{% macro should_full_refresh() -%}
    {%- if flags.FULL_REFRESH or target.type != 'duckdb' or model.resource_type == 'unit_test'
        or flags.WHICH not in ('build', 'run') -%}
        {{ return(true) }}
    {%- endif -%}
    {%- set builds = "select is_full from candidate.build.builds where build_id = '" ~ invocation_id ~ "'" -%}
    {{ return(run_query(builds).columns[0].values()[0]) }}
{%- endmacro %}


{# Whether this build is incremental. True while dbt parses, so that dbt finds all dependencies. #}
{% macro is_increment() -%}
    {{ return(not execute or not should_full_refresh()) }}
{%- endmacro %}


{# The id of the current build. #}
{% macro build_id() -%}
    '{{ invocation_id }}'
{%- endmacro %}
