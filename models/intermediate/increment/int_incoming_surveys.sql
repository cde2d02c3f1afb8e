with

final as (

    {{ incoming('surveys') }}

)

select * from final
