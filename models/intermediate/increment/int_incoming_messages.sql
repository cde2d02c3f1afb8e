with

final as (

    {{ incoming('messages') }}

)

select * from final
