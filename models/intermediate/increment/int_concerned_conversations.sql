-- noqa: disable=LT02
with

{% if is_increment() -%}
conversations as (

    select * from {{ ref('int_incoming_conversations') }}

),

messages as (

    select * from {{ ref('int_incoming_messages') }}

),

known_messages as (

    select * from {{ ref('int_known_messages') }}

),

events as (

    select * from {{ ref('int_incoming_conversation_events') }}

),

surveys as (

    select * from {{ ref('int_incoming_surveys') }}

),

built_conversations as (

    select * from {{ as_built('fct_conversations', 'marts') }}

),

built_events as (

    select * from {{ as_built('int_conversation_events') }}

),

built_surveys as (

    select * from {{ as_built('int_surveys') }}

),

-- What was the latest message of an account may be corrected, and the clock of its windows then goes back. (The messages
-- are named wherever they are read: as a CTE, the engine would put all of them aside.)
latest_before as (

    select
        account_id,
        max(sent_at) as data_through_at
    from {{ as_built('int_messages') }} as built_messages
    group by account_id

),

latest_kept as (

    select
        built_messages.account_id,
        max(built_messages.sent_at) as data_through_at
    from {{ as_built('int_messages') }} as built_messages
    inner join latest_before
        on
            built_messages.account_id = latest_before.account_id
            and built_messages.sent_at >= {{ dbt.dateadd('day', -7, 'latest_before.data_through_at') }}
    where built_messages.message_id not in (select message_id from messages)
    group by built_messages.account_id

),

latest_new as (

    select
        account_id,
        max(sent_at) as data_through_at
    from messages
    group by account_id

),

clocks as (

    select
        latest_before.account_id,
        latest_before.data_through_at as before_at,
        case
            when latest_kept.data_through_at is null then cast('1970-01-01 00:00:00' as timestamp)
            else greatest(
                latest_kept.data_through_at,
                coalesce(latest_new.data_through_at, latest_kept.data_through_at)
            )
        end as after_at
    from latest_before
    left join latest_kept
        on latest_before.account_id = latest_kept.account_id
    left join latest_new
        on latest_before.account_id = latest_new.account_id

),

-- Windows that ran out since, or that no longer have.
clocked as (

    select
        built_conversations.conversation_id,
        built_conversations.account_id
    from built_conversations
    inner join clocks
        on built_conversations.account_id = clocks.account_id
    where
        clocks.before_at <> clocks.after_at
        and built_conversations.last_message_at
        >= {{ dbt.dateadd('day', -1, 'least(clocks.before_at, clocks.after_at)') }}

),

concerned as (

    select
        conversation_id,
        account_id
    from conversations

    union distinct

    select
        conversation_id,
        account_id
    from messages

    union distinct

    select
        conversation_id,
        account_id
    from events

    union distinct

    select
        conversation_id,
        account_id
    from surveys

    union distinct

    -- A newer version may name another conversation: then the one it leaves is concerned too.
    select
        conversation_id,
        account_id
    from known_messages

    union distinct

    select
        conversation_id,
        account_id
    from built_events
    where event_id in (select event_id from events)

    union distinct

    select
        conversation_id,
        account_id
    from built_surveys
    where survey_id in (select survey_id from surveys)

    union distinct

    select
        conversation_id,
        account_id
    from clocked

),

final as (

    select
        conversation_id,
        account_id
    from concerned
    where conversation_id is not null

)

{% else -%}
final as (

    select
        cast(null as {{ dbt.type_string() }}) as conversation_id,
        cast(null as {{ dbt.type_string() }}) as account_id
    where 1 = 0

)

{% endif -%}

select * from final
