{{ config(unique_key=['account_id', 'report_date']) }}

with

conversations as (

    select * from {{ ref('fct_conversations') }}

),

messages as (

    select * from {{ ref('fct_messages') }}

),

activity as (

    select
        account_id,
        started_hour as hour,
        count(*) as conversations,
        0 as inbound_messages,
        0 as agent_messages,
        started_on as report_date
    from conversations
    where {{ is_on_changed_day('started_on') }}
    group by account_id, started_on, started_hour

    union all

    select
        account_id,
        sent_hour as hour,
        0 as conversations,
        count(case when direction = 'inbound' then 1 end) as inbound_messages,
        count(case when is_agent_message then 1 end) as agent_messages,
        sent_on as report_date
    from messages
    where {{ is_on_changed_day('sent_on') }}
    group by account_id, sent_on, sent_hour

),

final as (

    select
        account_id,
        {{ iso_weekday('report_date') }} as iso_weekday,
        hour,
        {{ build_id() }} as build_id,
        cast(sum(conversations) as bigint) as conversations,
        cast(sum(inbound_messages) as bigint) as inbound_messages,
        cast(sum(agent_messages) as bigint) as agent_messages,
        report_date
    from activity
    group by account_id, report_date, hour

)

select * from final
