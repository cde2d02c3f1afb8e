with

final as (

    {{ incoming('contacts') }}

)

select * from final
