-- How one text becomes one typed value; null where it is no such value, and the record is then refused.

-- An instant in UTC, without a zone in its type; what is written without one is local time in `zone`.
-- The cast to timestamptz, not to timestamp: that one overlooks an offset without a colon.
create macro instant_of(x, zone) as case
    when x is null then null
    when regexp_full_match(x, '\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)')
        then timezone('UTC', try_cast(x as timestamptz))
    when regexp_full_match(x, '\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?')
        then timezone('UTC', timezone(zone, try_cast(x as timestamp)))
    when regexp_full_match(x, '-?\d{1,12}(\.\d+)?')
        then make_timestamp(cast(cast(x as decimal(38, 6)) * 1000000 as bigint))
    when regexp_full_match(x, '\d{1,2}/\d{1,2}/\d{4}( \d{1,2}:\d\d(:\d\d)?)?')
        then timezone('UTC', timezone(
            zone, try_strptime(x, ['%d/%m/%Y %H:%M', '%d/%m/%Y %H:%M:%S', '%d/%m/%Y'])
        ))
end;

-- Outside these years lies a mistake of units or of typing, not a conversation.
create macro is_possible(instant) as
    coalesce(instant >= timestamp '2000-01-01' and instant < timestamp '2100-01-01', false);

create macro instant_trouble(x) as case
    when regexp_full_match(x, '-?\d+(\.\d+)?') then
        case when x not like '-%' and length(split_part(x, '.', 1)) > 10
            then 'is not a time between 2000 and 2100; milliseconds? write seconds'
            else 'is not a time between 2000 and 2100' end
    when regexp_matches(x, '^(\d{4}-\d\d-\d\d|\d{1,2}/\d{1,2}/\d{4})([T ]|$)')
        then 'is an impossible time, or not between 2000 and 2100'
    else 'is not a time'
end;

create macro whole_of(x) as case when regexp_full_match(x, '\s*-?\d+(\.0*)?\s*') then try_cast(x as bigint) end;

-- The elements of a list, as texts: a JSON list, one JSON object, or names with `;` between them.
create macro elements_of(x) as list_filter(
    case
        when starts_with(x, '[') then try(json_transform(x, '["VARCHAR"]'))
        when starts_with(x, '{') then [x]
        else list_transform(string_split(x, ';'), lambda name: trim(name))
    end,
    lambda element: element <> ''
);
