with

final as (

    {{ incoming('conversation_events') }}

)

select * from final
