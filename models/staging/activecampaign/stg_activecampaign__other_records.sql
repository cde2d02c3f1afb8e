with

messages as (

    select * from {{ source('activecampaign', 'messages') }}

),

final as (

    {{ records_by_kind('messages', activecampaign_other_kind()) }}

)

select * from final
