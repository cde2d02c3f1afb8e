with

conversations as (

    select
        _account_id,
        _file_id,
        {{ explode_list('labels') }} as tag,
        coalesce(updated_at, last_activity_at, created_at) as seen_at
    from {{ source('chatwoot', 'conversations') }}

),

contacts as (

    select
        _account_id,
        _file_id,
        {{ explode_list('labels') }} as tag,
        coalesce(updated_at, last_activity_at, created_at) as seen_at
    from {{ source('chatwoot', 'contacts') }}

),

final as (

    select
        _account_id as account_id,
        'conversation' as tagged,
        tag.id as source_tag_id,
        coalesce(tag.name, tag.id) as tag_name,
        _file_id as file_id,
        seen_at
    from conversations

    union all

    select
        _account_id as account_id,
        'contact' as tagged,
        tag.id as source_tag_id,
        coalesce(tag.name, tag.id) as tag_name,
        _file_id as file_id,
        seen_at
    from contacts

)

select * from final
