with

conversations as (

    select * from {{ source('activecampaign', 'conversations') }}

),

messages as (

    select * from {{ source('activecampaign', 'messages') }}

),

contacts as (

    select * from {{ source('activecampaign', 'contacts') }}

),

surveys as (

    select * from {{ source('activecampaign', 'surveys') }}

),

events as (

    select * from {{ source('activecampaign', 'conversation_events') }}

),

final as (

    select
        'conversations' as entity,
        _account_id as account_id,
        id as record_id,
        _account_id || ':' || id as row_id,
        _account_id || ':' || id as conversation_id,
        _account_id || ':' || contact as contact_id,
        _file_id as file_id
    from conversations

    union all

    select
        'messages' as entity,
        _account_id as account_id,
        id as record_id,
        _account_id || ':' || id as row_id,
        _account_id || ':' || conversation as conversation_id,
        _account_id || ':' || contact as contact_id,
        _file_id as file_id
    from messages

    union all

    select
        'contacts' as entity,
        _account_id as account_id,
        id as record_id,
        _account_id || ':' || id as row_id,
        cast(null as {{ dbt.type_string() }}) as conversation_id,
        _account_id || ':' || id as contact_id,
        _file_id as file_id
    from contacts

    union all

    select
        'surveys' as entity,
        _account_id as account_id,
        id as record_id,
        _account_id || ':' || id as row_id,
        _account_id || ':' || conversation as conversation_id,
        cast(null as {{ dbt.type_string() }}) as contact_id,
        _file_id as file_id
    from surveys

    union all

    select
        'conversation_events' as entity,
        _account_id as account_id,
        id as record_id,
        _account_id || ':' || id as row_id,
        _account_id || ':' || conversation as conversation_id,
        cast(null as {{ dbt.type_string() }}) as contact_id,
        _file_id as file_id
    from events

)

select * from final
