{% set seen_at = 'coalesce(last_updated_on, created_on)' %}

with

conversations as (

    select * from {{ source('activecampaign', 'conversations') }}

),

contacts as (

    select * from {{ source('activecampaign', 'contacts') }}

),

final as (

    {{ tag_names_of('conversations', 'conversation', 'tags', seen_at) }}

    union all

    {{ tag_names_of('contacts', 'contact', 'tags', seen_at) }}

)

select * from final
