{# Fails for every combination of values of the columns that more than one row has. #}
{% test no_two_rows_share(model, columns) %}

select
    {{ columns | join(',\n    ') }},
    count(*) as number_of_rows
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1

{% endtest %}
