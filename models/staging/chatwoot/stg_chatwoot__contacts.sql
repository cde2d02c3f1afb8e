with

versions as (

    select
        *,
        coalesce(updated_at, last_activity_at) as exported_at
    from {{ raw_records('contacts', source('chatwoot', 'contacts')) }}

),

latest as (

    {{ latest_version('contacts', 'versions', 'versions.exported_at') }}

),

final as (

    select
        _account_id || ':' || id as contact_id,
        _account_id as account_id,
        cast(null as {{ dbt.type_string() }}) as source,
        labels as tags,
        created_at
    from latest

)

select * from final
