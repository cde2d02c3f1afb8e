with

final as (

    {{ incoming('conversations') }}

)

select * from final
