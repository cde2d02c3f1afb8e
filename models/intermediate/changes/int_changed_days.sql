-- depends_on: {{ ref('fct_conversations') }}
-- depends_on: {{ ref('fct_conversation_events') }}
-- The days to rebuild in the daily tables: days on which rows were added or removed, days with messages of a changed
-- conversation, and days that show an agent under a previous name.
with

{% if is_increment() -%}
changes as (

    select * from {{ source('build', 'changes') }}
    where build_id = {{ build_id() }}

),

agents as (

    select * from {{ ref('dim_agents') }}

),

final as (

    select
        account_id,
        changed_on
    from changes

    union distinct

    select
        account_id,
        sent_on as changed_on
    from {{ ref('fct_messages') }}
    where conversation_id in (
        select conversation_id from changes
        where table_name = 'fct_conversations'
    )

    union distinct

    select
        days.account_id,
        days.report_date as changed_on
    from {{ source('candidate', 'agg_by_agent') }} as days
    inner join agents
        on days.agent_id = agents.agent_id
    where days.agent_name <> agents.agent_name

)

{% else -%}
final as (

    {{ no_rows({'account_id': 'text', 'changed_on': 'date'}) }}

)

{% endif -%}
select * from final
