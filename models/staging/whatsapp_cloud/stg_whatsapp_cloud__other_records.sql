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

    {{ records_by_kind('messages', whatsapp_other_message_kind()) }}

    union all

    {{ records_by_kind('message_echoes', whatsapp_other_message_kind()) }}

    union all

    {{ records_by_kind('statuses', whatsapp_other_status_kind()) }}

    union all

    {{ records_by_kind('changes', whatsapp_other_change_kind()) }}

)

select * from final
