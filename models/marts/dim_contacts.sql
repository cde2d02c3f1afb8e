{{ config(materialized='view') }}

with

contacts as (

    select * from {{ ref('int_contacts') }}

),

final as (

    select
        contact_key,
        account_id,
        source,
        contact_tags,
        created_at
    from contacts

)

select * from final
