{# The latest version of each record: the one with the latest update time; on a tie, or without one, that of the file whose path
   sorts last, and then of the later line. The order of loading does not matter.

   `versions` is a relation of raw records, `updated_at` an expression over its columns. A full build ranks only the records
   with several versions, which are few. It finds them by a hash of the id, which is faster to group by than a text. A hash
   collision only ranks records that do not need it. #}
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


{# A number that is equal for equal values, and rarely for others. #}
{% macro hash_of(values) -%}
    {{ return(adapter.dispatch('hash_of', 'conversation_reports')(values)) }}
{%- endmacro %}

{% macro default__hash_of(values) -%}
    xxhash64({{ values | join(', ') }})
{%- endmacro %}

{% macro duckdb__hash_of(values) -%}
    hash({{ values | join(', ') }})
{%- endmacro %}
