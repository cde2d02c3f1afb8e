create or replace macro report_heatmap(
    from_date, to_date, {{ optional_filters }}
) as table
select w.iso_weekday::integer as iso_weekday, h.hour::integer as hour, count(c.started_on) as conversations
from range(1, 8) as w(iso_weekday)
cross join range(24) as h(hour)
left join (
    from _started(
        from_date, to_date, {{ filters }}
    )
) as c
    on isodow(c.started_on) = w.iso_weekday and c.started_hour = h.hour
group by w.iso_weekday, h.hour
order by w.iso_weekday, h.hour;

comment on macro table report_heatmap is
    'The conversations that started in each hour of the week, in local time. One row per weekday (1 = Monday) '
    'and hour, 168 in all.';
