-- noqa: disable=LT02
with

{% if is_increment() -%}
accounts as (

    select * from {{ ref('accounts') }}

),

files as (

    select * from {{ ref('stg_ingest__files') }}

),

with_news as (

    select distinct accounts.platform
    from files
    inner join accounts
        on files.account_id = accounts.account_id
    where files.is_new

),

final as (

    select
        account_id,
        platform
    from accounts
    where
        platform in (select platform from with_news)
        and platform not in ('{{ var('incremental_platforms') | join("', '") }}')

)

{% else -%}
final as (

    select
        cast(null as {{ dbt.type_string() }}) as account_id,
        cast(null as {{ dbt.type_string() }}) as platform
    where 1 = 0

)

{% endif -%}

select * from final
