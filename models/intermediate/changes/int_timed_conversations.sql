-- Conversations whose figures change by time alone: windows that expired since, and threads that no message can join
-- any more.
with

{% if is_increment() -%}
new_mentions as (

    select * from {{ ref('int_new_mentions') }}

),

named_owners as (

    select own_key as owner_key
    from {{ ref('int_named_contacts') }}

    union distinct

    select {{ owner_key('null', 'conversation_id', 'null') }} as owner_key
    from new_mentions
    where conversation_id is not null

    union distinct

    select {{ owner_key('null', 'null', 'row_id') }} as owner_key
    from new_mentions
    where entity = 'messages'

),

accounts as (

    select * from {{ ref('dim_accounts') }}

),

calendar as (

    select * from {{ ref('int_calendar') }}

),

-- The clock of an account is the time of its latest message. It can go back if that message is corrected, so windows
-- are evaluated from the latest message of the unchanged owners.
latest_messages as (

    select
        account_id,
        max(sent_at) as data_through_at
    from {{ source('candidate', 'fct_messages') }}
    group by account_id

),

clocks as (

    select
        latest_messages.account_id,
        max(messages.sent_at) as data_through_at
    from latest_messages
    left join {{ source('candidate', 'fct_messages') }} as messages
        on
            latest_messages.account_id = messages.account_id
            and messages.sent_at >= {{ dbt.dateadd('day', -7, 'latest_messages.data_through_at') }}
            and messages.owner_key not in (select owner_key from named_owners)
    group by latest_messages.account_id

),

-- Waiting turns that can still miss a target, on the calendar or in working time. A hand-off can still follow.
waiting as (

    select distinct turns.conversation_id
    from {{ source('candidate', 'fct_customer_turns') }} as turns
    inner join {{ source('candidate', 'fct_conversations') }} as conversations
        on turns.conversation_id = conversations.conversation_id
    inner join clocks
        on turns.account_id = clocks.account_id
    inner join accounts
        on turns.account_id = accounts.account_id
    left join calendar as asking
        on {{ on_calendar('asking', 'turns.account_id', 'turns.asked_at') }}
    left join calendar as passing
        on {{ on_calendar('passing', 'clocks.account_id', 'clocks.data_through_at') }}
    where
        turns.outcome = 'waiting'
        and (
            {% for measure in ['first_response', 'reply'] -%}
            {{ is_within_target(
                measure,
                seconds_between('turns.asked_at', 'clocks.data_through_at'),
                working_seconds_at('passing', 'clocks.data_through_at') ~ ' - ' ~ working_seconds_at('asking', 'turns.asked_at'),
            ) }}
            or {% endfor -%}
            (
                conversations.handed_off_at is not null
                and accounts.first_response_target_minutes is not null
            )
        )

),

final as (

    select
        conversation_id,
        account_id,
        owner_key
    from {{ ref('int_affected_owners') }}

    union distinct

    select
        conversations.conversation_id,
        conversations.account_id,
        conversations.owner_key
    from {{ source('candidate', 'fct_conversations') }} as conversations
    inner join clocks
        on conversations.account_id = clocks.account_id
    where
        clocks.data_through_at is null
        or conversations.conversation_id in (select conversation_id from waiting)
        or conversations.last_message_at
        >= {{ dbt.dateadd('second', '-' ~ [window_seconds() | int, 86400] | max, 'clocks.data_through_at') }}

)

{% else -%}
final as (

    {{ no_rows({'conversation_id': 'text', 'account_id': 'text', 'owner_key': 'owner'}) }}

)

{% endif -%}
select * from final
