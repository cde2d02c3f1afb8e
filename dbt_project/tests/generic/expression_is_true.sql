{# Fails for every row for which the condition is false or null. #}
{% test expression_is_true(model, condition, column_name=none) %}

select *
from {{ model }}
where not coalesce({{ condition }}, false)

{% endtest %}
