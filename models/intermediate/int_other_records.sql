-- The number of accepted records that are not messages to report, such as reactions, by kind.
{{ config(
    materialized='incremental' if target.type == 'duckdb' else 'table',
    incremental_strategy='delete+insert',
    unique_key=['account_id', 'entity', 'file_id'],
) }}

with

final as (

    select
        account_id,
        entity,
        file_id,
        kind,
        records
    from ({{ union_platforms('other_records') }}) as other_records
    where {{ is_in_new_file() }}

)

select * from final
