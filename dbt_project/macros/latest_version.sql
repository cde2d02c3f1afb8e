{# The latest version of each record: the one with the latest update time. On a tie, or without an update time, it is the one in
   the file whose path sorts last, then the one on the later line. The order of loading has no effect.

   `versions` is a relation of raw records, `updated_at` an expression over its columns. A full build ranks only the few records
   that have several versions. It finds them by a hash, which is faster to group by than text. If the hashes of two ids are equal,
   both records are ranked unnecessarily, but the result is the same. #}
{% macro latest_version(entity, versions, updated_at) -%}
    {%- set files = ref('stg_ingest__files') -%}
    {%- set id_hash = hash_of(['versions._account_id', 'versions.id']) -%}
    with

    {% if not is_increment() -%}
    repeated as (

        select {{ id_hash }} as id_hash
        from {{ versions }} as versions
        group by {{ id_hash }}
        having count(*) > 1

    ),

    {% endif -%}
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
        {% if not is_increment() -%}
        inner join repeated
            on {{ id_hash }} = repeated.id_hash
        {% endif -%}
        left join {{ files }} as files
            on
                versions._account_id = files.account_id
                and versions._file_id = files.file_id
                and files.entity = '{{ entity }}'

    )

    {% if not is_increment() -%}
    select
        versions.*,
        {{ updated_at }} as version_at,
        1 as version_rank
    from {{ versions }} as versions
    left join repeated
        on {{ id_hash }} = repeated.id_hash
    where repeated.id_hash is null

    union all

    {% endif -%}
    select *
    from ranked
    where version_rank = 1
{%- endmacro %}


{# A hash of the values, as a number. #}
{% macro hash_of(values) -%}
    {{ return(adapter.dispatch('hash_of', 'conversation_reports')(values)) }}
{%- endmacro %}

{% macro default__hash_of(values) -%}
    xxhash64({{ values | join(', ') }})
{%- endmacro %}

{% macro duckdb__hash_of(values) -%}
    hash({{ values | join(', ') }})
{%- endmacro %}
