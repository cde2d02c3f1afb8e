{# The kind of a raw message that is not a message to report; null for a message to report. See also `whatsapp_cloud.sql`. #}

{% macro activecampaign_other_kind() -%}
    case when lower(msg_type) in ('reaction', 'edit', 'revoke', 'system', 'note', 'call') then lower(msg_type) end
{%- endmacro %}

{# Private notes and activity lines are not visible to the customer. #}
{% macro chatwoot_other_kind() -%}
    case
        when private = 'true' then 'private_note'
        when lower(message_type) in ('2', 'activity') then 'activity'
    end
{%- endmacro %}


{# The number of records by file and kind, for records with a kind. #}
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
