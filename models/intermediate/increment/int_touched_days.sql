-- noqa: disable=LT02
{% set told_of_messages = [
    'message_id',
    'account_id',
    'conversation_id',
    'contact_key',
    'agent_id',
    'source',
    'message_type',
    'delivery_status',
    'template_name',
    'error_code',
    'pricing_category',
    'sent_hour',
    'is_inbound',
    'is_automated',
    'is_billable',
    'has_conversation',
    'sent_on',
    'sent_at',
    'delivered_at',
    'read_at',
    'failed_at',
] | join(', ') %}

with

{% if is_increment() -%}
calendar as (

    select * from {{ ref('int_calendar') }}

),

agents as (

    select * from {{ ref('int_agents') }}

),

conversations_before as (

    select * from {{ ref('int_replaced_conversations') }}

),

conversations_after as (

    {{ few_rows_of(
        ref('fct_conversations'),
        ['conversation_id in (select conversation_id from ' ~ ref('int_touched_conversations') ~ ')'],
    ) }}

),

messages_before as (

    select * from {{ ref('int_replaced_messages') }}

),

messages_after as (

    select
        messages.*,
        messages.direction = 'inbound' as is_inbound
    from {{ ref('int_touched_messages') }} as messages

),

built_days as (

    select * from {{ as_built('agg_by_agent', 'marts') }}

),

changed_conversations as (

    (
        select * from conversations_before
        except
        select * from conversations_after
    )

    union all

    (
        select * from conversations_after
        except
        select * from conversations_before
    )

),

changed_messages as (

    (
        select {{ told_of_messages }} from messages_before
        except
        select {{ told_of_messages }} from messages_after
    )

    union all

    (
        select {{ told_of_messages }} from messages_after
        except
        select {{ told_of_messages }} from messages_before
    )

),

surveyed as (

    select
        account_id,
        survey_sent_at as happened_at
    from changed_conversations

    union distinct

    select
        account_id,
        survey_responded_at as happened_at
    from changed_conversations

),

touched as (

    select
        account_id,
        started_on as report_date
    from changed_conversations

    union distinct

    select
        account_id,
        sent_on as report_date
    from changed_messages

    union distinct

    -- What a message counts under is its conversation's: its tags, its origin.
    select
        account_id,
        sent_on as report_date
    from messages_before
    where conversation_id in (select conversation_id from changed_conversations)

    union distinct

    select
        account_id,
        sent_on as report_date
    from messages_after
    where conversation_id in (select conversation_id from changed_conversations)

    union distinct

    select
        surveyed.account_id,
        calendar.local_on as report_date
    from surveyed
    inner join calendar
        on {{ on_calendar('calendar', 'surveyed.account_id', 'surveyed.happened_at') }}

    union distinct

    select
        built_days.account_id,
        built_days.report_date
    from built_days
    inner join agents
        on built_days.agent_id = agents.agent_id
    where built_days.agent_name <> agents.agent_name

),

final as (

    select
        account_id,
        report_date
    from touched

)

{% else -%}
final as (

    select
        cast(null as {{ dbt.type_string() }}) as account_id,
        cast(null as date) as report_date
    where 1 = 0

)

{% endif -%}

select * from final
