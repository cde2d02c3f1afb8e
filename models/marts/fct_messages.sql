{{ config(materialized='view') }}

with

messages as (

    select * from {{ ref('int_messages') }}

),

opening_templates as (

    select opening_template_id
    from {{ ref('int_conversation_messages') }}
    where opening_template_id is not null

),

final as (

    {{ message_facts('messages', 'opening_templates') }}

)

select * from final
