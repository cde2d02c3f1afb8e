with

messages as (

    select * from {{ source('activecampaign', 'messages') }}

),

final as (

    {{ records_by_kind('messages', kind_of_notice()) }}

)

select * from final
