-- All versions of each record in a new file: an older version can name another owner.
with

{% if is_increment() -%}
new_records as (

    select distinct
        entity,
        account_id,
        record_id
    from {{ ref('int_mentions') }}
    where {{ is_in_new_file() }}

),

final as (

    select distinct
        mentions.entity,
        mentions.account_id,
        mentions.record_id,
        mentions.row_id,
        mentions.conversation_id,
        mentions.contact_id
    from {{ ref('int_mentions') }} as mentions
    inner join new_records
        on
            mentions.entity = new_records.entity
            and mentions.account_id = new_records.account_id
            and mentions.record_id = new_records.record_id

)

{% else -%}
final as (

    {{ no_rows({
        'entity': 'text',
        'account_id': 'text',
        'record_id': 'text',
        'row_id': 'text',
        'conversation_id': 'text',
        'contact_id': 'text',
    }) }}

)

{% endif -%}
select * from final
