with

messages as (

    select
        *,
        {{ kind_of_log_line() }} as kind
    from {{ source('chatwoot', 'messages') }}

),

final as (

    select
        _account_id as account_id,
        'messages' as entity,
        _file_id as file_id,
        kind,
        count(*) as records
    from messages
    where kind is not null
    group by _account_id, _file_id, kind

)

select * from final
