with

messages as (

    select * from {{ source('chatwoot', 'messages') }}

),

final as (

    {{ records_by_kind('messages', kind_of_log_line()) }}

)

select * from final
