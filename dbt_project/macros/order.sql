{# Rows in the order of their instants and then of their ids, 9 before 10: the first and the last row of a group. #}

{# A row as one value that sorts in this order: `min` and `max` return the first and the last row of a group in a single pass,
   while a window would sort all rows. Its members are `at`, `id_length`, `id` and the further `members`, SQL by name. #}
{% macro in_order(at, id, members={}) -%}
    {%- set row = {'at': at, 'id_length': 'length(' ~ id ~ ')', 'id': id} -%}
    {%- do row.update(members) -%}
    {{ return(struct_of(row)) }}
{%- endmacro %}


{# Whether there is a row, and it is after another in this order. #}
{% macro is_after(later, earlier) -%}
    ({{ later }} is not null
        and ({{ later }}.at, {{ later }}.id_length, {{ later }}.id) > ({{ earlier }}.at, {{ earlier }}.id_length, {{ earlier }}.id))
{%- endmacro %}


{# A struct of values by name. #}
{% macro struct_of(members) -%}
    {{ return(adapter.dispatch('struct_of', 'conversation_reports')(members)) }}
{%- endmacro %}

{% macro default__struct_of(members) -%}
    named_struct({% for name, value in members.items() %}'{{ name }}', {{ value }}{{ ', ' if not loop.last }}{% endfor %})
{%- endmacro %}

{% macro duckdb__struct_of(members) -%}
    struct_pack({% for name, value in members.items() %}{{ name }} := {{ value }}{{ ', ' if not loop.last }}{% endfor %})
{%- endmacro %}
