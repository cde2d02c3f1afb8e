with

messages as (

    select * from {{ source('chatwoot', 'messages') }}

),

final as (

    {{ records_by_kind('messages', chatwoot_other_kind()) }}

)

select * from final
