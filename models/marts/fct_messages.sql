{{ config(materialized='view') }}

with

messages as (

    select * from {{ ref('int_messages') }}

),

opening_templates as (

    select opening_template_id
    from {{ ref('int_conversation_messages') }}
    group by opening_template_id

),

final as (

    {{ message_facts('messages', 'opening_templates') }}

)

select * from final
