create or replace macro report_heatmap(
    from_date, to_date, {{ optional_filters }}
) as table
with activity as (
    select
        iso_weekday,
        hour,
        sum(conversations) as conversations,
        sum(inbound_messages) as inbound_messages,
        sum(agent_messages) as agent_messages
    from report_by_hour(from_date, to_date, {{ filters }})
    group by iso_weekday, hour
),
-- The weekdays of the period that have data: an average over others would count unknown days as zero.
covered as (
    select min(first_day) as first_day, max(through_day) as through_day
    from report_coverage(accounts)
),
weekdays as (
    select w.iso_weekday, count(covered.first_day) as days
    from range(1, 8) as w(iso_weekday)
    left join range(from_date::date, _last_day(from_date, to_date) + 1, interval 1 day) as t(day) on isodow(t.day) = w.iso_weekday
    left join covered on t.day::date between covered.first_day and covered.through_day
    group by w.iso_weekday
)
select
    weekdays.iso_weekday::integer as iso_weekday,
    h.hour::integer as hour,
    weekdays.days,
    {% for count in ['conversations', 'inbound_messages', 'agent_messages'] -%}
    coalesce(activity.{{ count }}, 0)::bigint as {{ count }},
    {% endfor -%}
    {% for count in ['conversations', 'inbound_messages', 'agent_messages'] -%}
    round(coalesce(activity.{{ count }}, 0) / nullif(weekdays.days, 0), 3) as {{ count }}_per_day{{ ',' if not loop.last }}
    {% endfor %}
from weekdays
cross join range(24) as h(hour)
left join activity on weekdays.iso_weekday = activity.iso_weekday and h.hour = activity.hour
order by weekdays.iso_weekday, h.hour;

comment on macro table report_heatmap is
    'The average week: conversations that started, messages of customers and messages of agents in each hour, on the local '
    'clocks, in all and per weekday of the period that has data (days). One row per weekday (1 = Monday) and hour, 168 in all.';
