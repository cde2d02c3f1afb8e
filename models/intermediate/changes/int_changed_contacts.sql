-- The contacts whose rows may change: those that new records name, directly or through a conversation, those linked to them, and
-- those whose figures change by time alone.
with

{% if is_increment() -%}
new_mentions as (

    select * from {{ ref('int_new_mentions') }}

),

identities as (

    select * from {{ ref('int_contact_identities') }}

),

-- A message or a conversation changes its owner with the conversation that it belongs to.
named as (

    select contact_id
    from new_mentions

    union distinct

    select contact_id
    from {{ ref('int_mentions') }}
    where conversation_id in (select conversation_id from new_mentions)

),

changed as (

    select distinct identities.canonical_contact_id
    from identities
    inner join named
        on identities.contact_id = named.contact_id

),

changed_owners as (

    select own_key as owner_key
    from identities
    where canonical_contact_id in (select canonical_contact_id from changed)

    union distinct

    select {{ owner_key('null', 'conversation_id', 'row_id') }} as owner_key
    from new_mentions

    union distinct

    select {{ owner_key('null', 'null', 'row_id') }} as owner_key
    from new_mentions

),

-- The clock of an account is its latest message. It goes back where that message is corrected, so windows are looked at from the
-- latest message of the unchanged owners on.
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
            and messages.owner_key not in (select owner_key from changed_owners)
    group by latest_messages.account_id

),

-- Windows that ran out since, and threads that no message can join any more.
timed as (

    select distinct conversations.owner_key
    from {{ source('candidate', 'fct_conversations') }} as conversations
    inner join clocks
        on conversations.account_id = clocks.account_id
    where
        clocks.data_through_at is null
        or conversations.last_message_at
        >= {{ dbt.dateadd('second', '-' ~ [window_seconds() | int, 86400] | max, 'clocks.data_through_at') }}

),

final as (

    select
        contact_id,
        account_id,
        own_key
    from identities
    where
        canonical_contact_id in (select canonical_contact_id from changed)
        or contact_key in (select owner_key from timed)

)

{% else -%}
final as (

    select
        cast(null as {{ dbt.type_string() }}) as contact_id,
        cast(null as {{ dbt.type_string() }}) as account_id,
        cast(null as {{ dbt.type_string() }}) as own_key
    where 1 = 0

)

{% endif -%}
select * from final
