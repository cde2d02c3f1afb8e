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

contacts as (

    select * from {{ ref('int_contacts') }}

),

final as (

    {{ message_facts('messages', 'opening_templates', 'contacts') }}

)

select * from final
