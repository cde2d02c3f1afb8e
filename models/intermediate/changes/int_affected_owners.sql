-- The owners of rows that use a changed fact of the account: the name of a tag, or whether the account has any
-- conversation events.
with

{% if is_increment() -%}
new_mentions as (

    select * from {{ ref('int_new_mentions') }}

),

tags as (

    select * from {{ ref('int_tags') }}

),

renamed_tags as (

    select
        previous_tags.account_id,
        previous_tags.tagged,
        previous_tags.tag
    from {{ source('candidate_reporting', 'rpt_tags') }} as previous_tags
    inner join tags
        on
            previous_tags.account_id = tags.account_id
            and previous_tags.tag_key = tags.tag_key
    where previous_tags.tag <> tags.tag

),

tagged_contacts as (

    select
        account_id,
        owner_key,
        {{ explode_list('contact_tags') }} as tag
    from {{ source('candidate', 'dim_contacts') }}

),

final as (

    select
        conversation_tags.conversation_id,
        conversation_tags.account_id,
        conversation_tags.owner_key
    from {{ source('candidate', 'bridge_conversation_tags') }} as conversation_tags
    inner join renamed_tags
        on
            conversation_tags.account_id = renamed_tags.account_id
            and conversation_tags.tag = renamed_tags.tag
            and renamed_tags.tagged = 'conversation'

    union distinct

    select
        cast(null as {{ dbt.type_string() }}) as conversation_id,
        tagged_contacts.account_id,
        tagged_contacts.owner_key
    from tagged_contacts
    inner join renamed_tags
        on
            tagged_contacts.account_id = renamed_tags.account_id
            and tagged_contacts.tag = renamed_tags.tag
            and renamed_tags.tagged = 'contact'

    union distinct

    select
        conversation_id,
        account_id,
        owner_key
    from {{ source('candidate', 'fct_conversations') }}
    where
        account_id in (
            select account_id from new_mentions
            where entity in ('conversation_events', 'reporting_events', 'status_changes')
        )
        and account_id not in (select account_id from {{ source('candidate', 'fct_conversation_events') }})

)

{% else -%}
final as (

    {{ no_rows({'conversation_id': 'text', 'account_id': 'text', 'owner_key': 'owner'}) }}

)

{% endif -%}
select * from final
