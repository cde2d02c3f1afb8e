with

events as (

    {{ union_platforms('conversation_events') }}

),

final as (

    select
        *,
        row_number() over (
            partition by conversation_id, event_type in ('assigned', 'unassigned')
            order by occurred_at desc, length(event_id) desc, event_id desc
        ) = 1
        and event_type in ('assigned', 'unassigned') as is_last_assignment
    from events

)

select * from final
