-- Built after the list of conversations whose tags were renamed, which compares it with the tags of this build.
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
