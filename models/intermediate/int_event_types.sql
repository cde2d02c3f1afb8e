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
        {% for event_type in ['assigned', 'reopened'] -%}
        accounts_with_events.account_id is not null
        and accounts.platform in (
            {%- for platform, event_types in var('event_types').items() if event_type in event_types -%}
            '{{ platform }}'{{ ', ' if not loop.last }}
            {%- endfor -%}
        ) as has_{{ event_type }}
            {%- if not loop.last %},
        {% endif %}
        {%- endfor %}
    from accounts
    left join accounts_with_events
        on accounts.account_id = accounts_with_events.account_id

)

select * from final
