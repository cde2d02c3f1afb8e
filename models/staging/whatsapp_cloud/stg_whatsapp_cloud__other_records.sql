with

messages as (

    select
        *,
        {{ kind_of_other_message() }} as kind
    from {{ source('whatsapp_cloud', 'messages') }}

),

message_echoes as (

    select
        *,
        {{ kind_of_other_message() }} as kind
    from {{ source('whatsapp_cloud', 'message_echoes') }}

),

statuses as (

    select
        *,
        {{ kind_of_other_status() }} as kind
    from {{ source('whatsapp_cloud', 'statuses') }}

),

changes as (

    select
        *,
        {{ kind_of_other_change() }} as kind
    from {{ source('whatsapp_cloud', 'changes') }}

),

final as (

    {% for entity in ['messages', 'message_echoes', 'statuses', 'changes'] -%}
    select
        _account_id as account_id,
        '{{ entity }}' as entity,
        _file_id as file_id,
        kind,
        count(*) as records
    from {{ entity }}
    where kind is not null
    group by _account_id, _file_id, kind

    {% if not loop.last %}union all

    {% endif %}
    {%- endfor %}
)

select * from final
