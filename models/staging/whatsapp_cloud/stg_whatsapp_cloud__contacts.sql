with

contacts as (

    select * from {{ raw_records(
        'contacts', source('whatsapp_cloud', 'contacts'), whatsapp_contact('wa_id', 'user_id')
    ) }}

),

identities as (

    select * from {{ ref('int_contact_identities') }}

),

final as (

    select distinct
        identities.canonical_contact_id as contact_id,
        identities.account_id,
        cast(null as {{ dbt.type_string() }}) as source,
        {{ no_tags() }} as tags,
        cast(null as timestamp) as created_at
    from contacts
    inner join identities
        on
            contacts._account_id || ':' || {{ whatsapp_contact('contacts.wa_id', 'contacts.user_id') }}
            = identities.contact_id

)

select * from final
