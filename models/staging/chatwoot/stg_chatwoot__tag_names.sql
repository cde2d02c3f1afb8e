{% set seen_at = 'coalesce(updated_at, last_activity_at, created_at)' %}

with

conversations as (

    select * from {{ source('chatwoot', 'conversations') }}

),

contacts as (

    select * from {{ source('chatwoot', 'contacts') }}

),

final as (

    {{ tag_names_of('conversations', 'conversation', 'labels', seen_at) }}

    union all

    {{ tag_names_of('contacts', 'contact', 'labels', seen_at) }}

)

select * from final
