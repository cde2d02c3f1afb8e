with

messages as (

    select * from {{ source('whatsapp_cloud', 'messages') }}

),

message_echoes as (

    select * from {{ source('whatsapp_cloud', 'message_echoes') }}

),

statuses as (

    select * from {{ source('whatsapp_cloud', 'statuses') }}

),

changes as (

    select * from {{ source('whatsapp_cloud', 'changes') }}

),

final as (

    {{ records_by_kind('messages', kind_of_other_message()) }}

    union all

    {{ records_by_kind('message_echoes', kind_of_other_message()) }}

    union all

    {{ records_by_kind('statuses', kind_of_other_status()) }}

    union all

    {{ records_by_kind('changes', kind_of_other_change()) }}

)

select * from final
