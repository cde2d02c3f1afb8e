with

tag_names as (

    select * from {{ ref('int_tag_names') }}

),

-- A tag with an id can be renamed: its latest name counts.
ranked as (

    select
        account_id,
        tag_key,
        tagged,
        {{ clean_text('tag_name') }} as tag_name,
        {{ folded_text('tag_name') }} as folded_name,
        seen_at,
        row_number() over (
            partition by account_id, tag_key
            order by seen_at desc nulls last, tag_name asc
        ) as name_rank
    from tag_names
    where {{ folded_text('tag_name') }} <> ''

),

-- Names that differ in spelling only are one tag, shown in the latest spelling.
spelled as (

    select
        account_id,
        tag_key,
        tagged,
        first_value(tag_name) over (
            partition by account_id, tagged, folded_name
            order by seen_at desc nulls last, tag_name asc
            rows between unbounded preceding and unbounded following
        ) as tag
    from ranked
    where name_rank = 1

),

final as (

    select
        account_id,
        tag_key,
        tagged,
        tag
    from spelled

)

select * from final
