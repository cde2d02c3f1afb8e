create or replace macro report_handled_by(
    from_date, to_date, {{ optional_filters }}
) as table
select
    handled_by,
    count(*) as conversations,
    count(*) filter (where is_closed) as closed
from _selected_conversations({{ filters }})
where started_on between from_date::date and (select _last_day(from_date, to_date))
group by handled_by;

comment on macro table report_handled_by is
    'The conversations that started in the period, by who answered the customer: agent, automation, nobody; null where the customer '
    'did not write. One row per value.';
