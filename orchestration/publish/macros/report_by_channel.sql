{% for name in ['channel', 'team'] -%}
create or replace macro report_by_{{ name }}(
    from_date, to_date, {{ optional_filters }}
) as table
select account_id, nullif(group_id, 'No {{ name }}') as {{ name }}_id, group_id as group_name, * exclude (period_start, account_id, group_id)
from _measured(
    from_date, to_date, {{ filters }}, null, '{{ name }}'
);

comment on macro table report_by_{{ name }} is
    'The figures of each {{ name }}, No {{ name }} ({{ name }}_id null) included; the rows sum to the overview. '
    'One row per account and {{ name }}.';
{% endfor %}
