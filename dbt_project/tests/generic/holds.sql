{# Fails on every row of which the condition is not true; a condition that is null is not true. #}
{% test holds(model, condition, column_name=none) %}

select *
from {{ model }}
where not coalesce({{ condition }}, false)

{% endtest %}
