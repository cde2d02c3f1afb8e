-- Every record that can belong to a changed owner: by the contact that any of its versions names, or by the
-- conversation.
with

{% if is_increment() -%}
contacts as (

    select * from {{ ref('int_changed_contacts') }}

),

new_mentions as (

    select * from {{ ref('int_new_mentions') }}

),

conversations as (

    select conversation_id
    from new_mentions
    where conversation_id is not null

    union distinct

    select conversation_id
    from {{ ref('int_mentions') }}
    where
        contact_id in (select contact_id from contacts)
        and conversation_id is not null

    union distinct

    -- Conversations without a contact are found by their own id only.
    select conversation_id
    from {{ ref('int_timed_conversations') }}

),

final as (

    select
        entity,
        account_id,
        record_id,
        conversation_id
    from new_mentions

    union distinct

    select
        entity,
        account_id,
        record_id,
        conversation_id
    from {{ ref('int_mentions') }}
    where conversation_id in (select conversation_id from conversations)

    union distinct

    select
        entity,
        account_id,
        record_id,
        conversation_id
    from {{ ref('int_mentions') }}
    where contact_id in (select contact_id from contacts)

)

{% else -%}
final as (

    {{ no_rows({'entity': 'text', 'account_id': 'text', 'record_id': 'text', 'conversation_id': 'text'}) }}

)

{% endif -%}
select * from final
