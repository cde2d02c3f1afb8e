create or replace macro _band(seconds) as
    case
        when seconds < 60 then 1
        when seconds < 300 then 2
        when seconds < 900 then 3
        when seconds < 3600 then 4
        when seconds < 14400 then 5
        when seconds < 86400 then 6
        when seconds is not null then 7
    end;
comment on macro _band is 'Internal: the number of the band that a response time in seconds is in.';

create or replace macro report_response_bands(
    from_date, to_date, {{ optional_filters }}
) as table
with period as materialized (
    from _period(from_date, to_date, {{ filters }})
),
responses as (
    select 'first_response' as measure, first_response_seconds as seconds, first_response_working_seconds as working_seconds
    from _started(from_date, (select last_day from period), {{ filters }})
    where first_response_seconds is not null
    union all
    select 'reply' as measure, wait_seconds as seconds, wait_working_seconds as working_seconds
    from _asked(from_date, (select last_day from period), {{ filters }})
    where wait_seconds is not null
),
banded as (
    select measure, _band(seconds) as band, count(*) as responses, 0 as responses_working
    from responses
    group by all
    union all
    select measure, _band(working_seconds) as band, 0 as responses, count(*) as responses_working
    from responses
    where working_seconds is not null
    group by all
)
select
    named.measure,
    b.band::integer as band,
    coalesce(sum(banded.responses), 0)::bigint as responses,
    coalesce(sum(banded.responses_working), 0)::bigint as responses_working
from range(1, 8) as b(band)
cross join (select unnest(['first_response', 'reply']) as measure) as named
left join banded on b.band = banded.band and named.measure = banded.measure
group by named.measure, b.band
order by named.measure, b.band;

comment on macro table report_response_bands is
    'How many first responses and replies took how long: bands 1 to 7 are under 1, 5, 15 and 60 minutes, under 4 and 24 hours, and '
    '24 hours and more; in calendar time and in working time. One row per measure and band.';
