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

contacts as (

    select
        contact_id,
        max(contact_key) as contact_key
    from {{ ref('int_contacts') }}
    group by contact_id

),

final as (

    {{ message_facts('messages', 'opening_templates', 'contacts') }}

)

select * from final
