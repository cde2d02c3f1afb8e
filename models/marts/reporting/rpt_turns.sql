-- The columns of turns that the report macros aggregate, with the columns of the conversation to which filters apply,
-- ordered by day.
{{ config(unique_key=['account_id', 'asked_on']) }}

with

turns as (

    select * from {{ ref('fct_customer_turns') }}
    where {{ is_on_changed_day('asked_on') }}

),

final as (

    select
        turns.account_id,
        conversations.channel_id,
        conversations.team_id,
        conversations.origin,
        conversations.agent_id,
        coalesce(turns.answered_by_agent_id, conversations.agent_id) as responder_id,
        turns.outcome,
        {{ build_id() }} as build_id,
        {{ tags_or_untagged('conversations.conversation_tags') }} as tags,
        conversations.contact_tags,
        turns.asked_hour,
        turns.wait_seconds,
        turns.wait_working_seconds,
        conversations.is_in_working_hours,
        turns.is_within_target,
        turns.asked_on
    from turns
    inner join {{ ref('fct_conversations') }} as conversations
        on turns.conversation_id = conversations.conversation_id
    order by turns.asked_on, turns.account_id

)

select * from final
