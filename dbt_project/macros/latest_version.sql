{# The latest version of each record: of the latest update; on a tie, or without one, from the file whose path sorts last,
   and in it the later line. Never the order of loading. #}
{% macro latest_version(entity, versions, updated_at) -%}
    select ranked.*
    from (
        select
            versions.*,
            row_number() over (
                partition by versions._account_id, versions.id
                order by
                    {{ updated_at }} desc nulls last,
                    files.file_rank desc,
                    versions._line desc,
                    versions._position desc
            ) as version_rank
        from {{ versions }} as versions
        inner join {{ ref('stg_ingest__files') }} as files
            on
                versions._account_id = files.account_id
                and versions._file_id = files.file_id
                and files.entity = '{{ entity }}'
    ) as ranked
    where ranked.version_rank = 1
{%- endmacro %}
