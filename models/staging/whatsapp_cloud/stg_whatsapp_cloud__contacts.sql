with

contacts as (

    select * from {{ source('whatsapp_cloud', 'contacts') }}

),

user_ids as (

    select * from {{ ref('base_whatsapp_cloud__user_ids') }}

),

known as (

    select distinct
        contacts._account_id as account_id,
        coalesce({{ whatsapp_number('contacts.wa_id') }}, user_ids.wa_id, contacts.user_id) as id
    from contacts
    left join user_ids
        on
            contacts._account_id = user_ids.account_id
            and contacts.user_id = user_ids.user_id

),

final as (

    select
        account_id || ':' || id as contact_id,
        account_id,
        cast(null as {{ dbt.type_string() }}) as source,
        {{ no_tags() }} as tags,
        cast(null as timestamp) as created_at
    from known
    where id is not null

)

select * from final
