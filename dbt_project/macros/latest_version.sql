{# The latest version of each record: of the latest update; on a tie, or without one, from the file whose path sorts last,
   and in it the later line. Never the order of loading.

   `versions` is a relation of raw records, `updated_at` an expression over its columns. With `new_only` it is a source, and
   an increment looks at the files that are new to the warehouse alone: what was built before holds the rest. Records that
   came once, which most did, are not ranked. They are told by a hash, which is faster to group by than texts; an id that came
   once and shares its hash with another is ranked for nothing. #}
{% macro latest_version(entity, versions, updated_at, new_only=false) -%}
    {%- set files = ref('stg_ingest__files') -%}
    {%- set id_hash = hash_of(['versions._account_id', 'versions.id']) -%}
    {%- set is_new -%}
        {%- if new_only and is_increment() -%}
            versions._file_id in (select file_id from {{ files }} where entity = '{{ entity }}' and is_new)
                and {{ lies_in_new_files(entity) }}
        {%- else -%}
            true
        {%- endif -%}
    {%- endset -%}
    with

    repeated as (

        select {{ id_hash }} as id_hash
        from {{ versions }} as versions
        where {{ is_new }}
        group by {{ id_hash }}
        having count(*) > 1

    ),

    ranked as (

        select
            versions.*,
            {{ updated_at }} as version_at,
            row_number() over (
                partition by versions._account_id, versions.id
                order by
                    {{ updated_at }} desc nulls last,
                    files.file_rank desc nulls last,
                    versions._line desc,
                    versions._position desc
            ) as version_rank
        from {{ versions }} as versions
        inner join repeated
            on {{ id_hash }} = repeated.id_hash
        left join {{ files }} as files
            on
                versions._account_id = files.account_id
                and versions._file_id = files.file_id
                and files.entity = '{{ entity }}'
        where {{ is_new }}

    )

    select
        versions.*,
        {{ updated_at }} as version_at,
        1 as version_rank
    from {{ versions }} as versions
    left join repeated
        on {{ id_hash }} = repeated.id_hash
    where
        repeated.id_hash is null
        and {{ is_new }}

    union all

    select *
    from ranked
    where version_rank = 1
{%- endmacro %}


{# A number that is the same for the same values, and seldom for others. #}
{% macro hash_of(values) -%}
    {{ return(adapter.dispatch('hash_of', 'conversation_reports')(values)) }}
{%- endmacro %}

{% macro default__hash_of(values) -%}
    xxhash64({{ values | join(', ') }})
{%- endmacro %}

{% macro duckdb__hash_of(values) -%}
    hash({{ values | join(', ') }})
{%- endmacro %}


{# Whether a row of a source, `versions`, lies in a file that may hold what is new of the entity. The name of a file of raw/
   begins with its last batch, so that those of before are not even opened. #}
{% macro lies_in_new_files(entity) -%}
    {{ return(adapter.dispatch('lies_in_new_files')(entity)) }}
{%- endmacro %}

{% macro default__lies_in_new_files(entity) -%}
    true
{%- endmacro %}

{% macro duckdb__lies_in_new_files(entity) -%}
    {%- set files = ref('stg_ingest__files') -%}
    {%- set first -%}
        select coalesce(min(batch_id), 'none') as batch_id from {{ files }} where entity = '{{ entity }}' and is_new
    {%- endset -%}
    {%- if execute -%}
        parse_filename(versions.filename) >= '{{ run_query(first).rows[0]['batch_id'] }}'
    {%- endif -%}
{%- endmacro %}
