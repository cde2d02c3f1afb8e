{# What a raw message of a platform is if it is no message to report; else null. See also `whatsapp_cloud.sql`. #}

{% macro kind_of_notice() -%}
    case when lower(msg_type) in ('reaction', 'edit', 'revoke', 'system', 'note', 'call') then lower(msg_type) end
{%- endmacro %}

{# The customer sees neither the agents' notes nor the platform's log lines. #}
{% macro kind_of_log_line() -%}
    case
        when private = 'true' then 'private_note'
        when lower(message_type) in ('2', 'activity') then 'activity'
    end
{%- endmacro %}


{# The number of records by file and kind, of those with a kind. #}
{% macro records_by_kind(records, kind) -%}
    select
        _account_id as account_id,
        '{{ records }}' as entity,
        _file_id as file_id,
        {{ kind }} as kind,
        count(*) as records
    from {{ records }}
    where {{ kind }} is not null
    group by _account_id, _file_id, {{ kind }}
{%- endmacro %}
