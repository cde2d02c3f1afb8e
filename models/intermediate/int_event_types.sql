{{ config(materialized='view') }}

with

accounts as (

    select * from {{ ref('accounts') }}

),

events as (

    select * from {{ ref('fct_conversation_events') }}

),

accounts_with_events as (

    select distinct account_id
    from events

),

final as (

    select
        accounts.account_id,
        accounts_with_events.account_id is not null
        and accounts.platform in {{ platforms_with_event('assigned') }} as has_assigned,
        accounts_with_events.account_id is not null
        and accounts.platform in {{ platforms_with_event('reopened') }} as has_reopened
    from accounts
    left join accounts_with_events
        on accounts.account_id = accounts_with_events.account_id

)

select * from final
