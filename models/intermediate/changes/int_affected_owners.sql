-- The owners of rows that use an account-wide fact that changed: the name of a tag, or whether the account has
-- conversation events at all.
with

{% if is_increment() -%}
new_mentions as (

    select * from {{ ref('int_new_mentions') }}

),

tags as (

    select * from {{ ref('int_tags') }}

),

renamed as (

    select
        before.account_id,
        before.tagged,
        before.tag
    from {{ source('candidate_reporting', 'rpt_tags') }} as before
    inner join tags
        on
            before.account_id = tags.account_id
            and before.tag_key = tags.tag_key
    where before.tag <> tags.tag

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
    inner join renamed
        on
            conversation_tags.account_id = renamed.account_id
            and conversation_tags.tag = renamed.tag
            and renamed.tagged = 'conversation'

    union distinct

    select
        cast(null as {{ dbt.type_string() }}) as conversation_id,
        tagged_contacts.account_id,
        tagged_contacts.owner_key
    from tagged_contacts
    inner join renamed
        on
            tagged_contacts.account_id = renamed.account_id
            and tagged_contacts.tag = renamed.tag
            and renamed.tagged = 'contact'

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
