{{ config(materialized='view') }}

with

final as (

    {{ union_platforms('mentions') }}

)

select * from final
