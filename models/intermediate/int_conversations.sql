with

conversations as (

    {{ union_platforms('conversations') }}

),

final as (

    select
        *,
        -- From here on the conversation is its contact's current one, until the next begins.
        lead(started_at) over (
            partition by contact_id
            order by started_at, length(source_conversation_id), source_conversation_id
        ) as next_started_at
    from conversations

)

select * from final
