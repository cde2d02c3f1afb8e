-- Conversations whose figures change by time alone: windows that ran out since, and threads that no message can join
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

-- The clock of an account is its latest message. It goes back where that message is corrected, so windows are looked
-- at from the latest message of the unchanged owners on.
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

final as (

    select
        conversations.conversation_id,
        conversations.account_id,
        conversations.owner_key
    from {{ source('candidate', 'fct_conversations') }} as conversations
    inner join clocks
        on conversations.account_id = clocks.account_id
    where
        clocks.data_through_at is null
        or conversations.last_message_at
        >= {{ dbt.dateadd('second', '-' ~ [window_seconds() | int, 86400] | max, 'clocks.data_through_at') }}

)

{% else -%}
final as (

    {{ no_rows({'conversation_id': 'text', 'account_id': 'text', 'owner_key': 'owner'}) }}

)

{% endif -%}
select * from final
