-- Built after the list of affected owners, which compares this table as of the previous build with the current tags.
-- depends_on: {{ ref('int_affected_owners') }}
{{ config(materialized='table') }}

with

tags as (

    select * from {{ ref('int_tags') }}

),

final as (

    select
        account_id,
        tag_key,
        tagged,
        tag
    from tags

)

select * from final
