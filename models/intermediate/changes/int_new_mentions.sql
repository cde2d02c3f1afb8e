-- Every version of a record of which a new file holds one: an older version may name another owner.
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

    select
        cast(null as {{ dbt.type_string() }}) as entity,
        cast(null as {{ dbt.type_string() }}) as account_id,
        cast(null as {{ dbt.type_string() }}) as record_id,
        cast(null as {{ dbt.type_string() }}) as row_id,
        cast(null as {{ dbt.type_string() }}) as conversation_id,
        cast(null as {{ dbt.type_string() }}) as contact_id
    where 1 = 0

)

{% endif -%}
select * from final
