-- Macros that convert a text to a typed value. They return null for an invalid text, and the record is rejected.

-- An instant as a UTC timestamp. A text without an offset is local time in `zone`.
-- It casts to timestamptz, because the cast to timestamp ignores an offset without a colon.
-- A local time skipped in spring is read as one hour later. A local time that occurs twice in autumn is the second one.
create macro other_instant_of(x, zone) as case
    when regexp_full_match(
        x, '\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|[+-](0\d|1[0-4])(:?[0-5]\d)?)'
    )
        then timezone('UTC', try_cast(replace(x, ',', '.') as timestamptz))
    when regexp_full_match(x, '\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?)?')
        then timezone('UTC', timezone(zone, try_cast(replace(x, ',', '.') as timestamp)))
    when regexp_full_match(x, '-?\d{1,12}([.,]\d+)?')
        then make_timestamp(cast(cast(replace(x, ',', '.') as decimal(38, 6)) * 1000000 as bigint))
    when regexp_full_match(x, '\d{1,2}/\d{1,2}/\d{4}( \d{1,2}:\d\d(:\d\d)?)?')
        then timezone('UTC', timezone(
            zone, try_strptime(x, ['%d/%m/%Y %H:%M', '%d/%m/%Y %H:%M:%S', '%d/%m/%Y'])
        ))
    when regexp_matches(x, '^\d{1,4}[-/]\d{1,2}[-/]\d')
        then instant_of_parts(
            local_time_of(regexp_replace(normalized_format(x), '(:.*?)(Z|[+-]\d\d(:?\d\d)?)$', '\1')),
            offset_in(normalized_format(x)),
            zone
        )
end;

-- Normalizes the formats of spreadsheets, browsers and databases: year, month and day first; `AM` or `PM` after a
-- blank; the offset last, without a blank or `UTC` before it.
create macro normalized_format(x) as regexp_replace(
    regexp_replace(
        regexp_replace(
            regexp_replace(
                regexp_replace(upper(trim(x)), ',?[\s\x{A0}\x{202F}]+', ' ', 'g'),
                '^(\d{1,2})/(\d{1,2})/(\d{4})', '\3-\2-\1'
            ),
            '(\d) ?([AP])\.?M\b\.?', '\1 \2M'
        ),
        '(:\d\d[.,\d]*(?: [AP]M)?) ?(?:UTC|GMT|Z)?([+-]\d\d(?::?\d\d)?)$', '\1\2'
    ),
    '(:\d\d[.,\d]*(?: [AP]M)?) ?(?:UTC|GMT|Z)$', '\1Z'
);

create macro local_time_of(x) as case
    when regexp_full_match(x, '\d{4}-\d{1,2}-\d{1,2}([T ]\d{1,2}:\d\d(:\d\d([.,]\d+)?)?)?')
        then try_cast(replace(x, ',', '.') as timestamp)
    when regexp_full_match(x, '\d{4}-\d{1,2}-\d{1,2}[T ]\d{1,2}:\d\d(:\d\d([.,]\d+)?)? [AP]M')
        then try_strptime(
            replace(replace(x, 'T', ' '), ',', '.'),
            ['%Y-%m-%d %I:%M %p', '%Y-%m-%d %I:%M:%S %p', '%Y-%m-%d %I:%M:%S.%f %p']
        )
end;

-- The offset at the end of a text: empty without one, else `Z` or digits, which can be invalid.
create macro offset_in(x) as regexp_extract(x, '(Z|:.*[+-]\d\d(:?\d\d)?)$');

create macro instant_of_parts(local_time, offset_text, zone) as case
    when offset_text = '' then timezone('UTC', timezone(zone, local_time))
    when offset_text = 'Z' then local_time
    when regexp_matches(offset_text, '[+-](0\d|1[0-4])(:?[0-5]\d)?$')
        then local_time - to_minutes(
            cast(regexp_extract(offset_text, '([+-])(\d\d):?(\d\d)?$', 1) || '1' as integer) * (
                60 * cast(regexp_extract(offset_text, '([+-])(\d\d):?(\d\d)?$', 2) as integer)
                + coalesce(try_cast(regexp_extract(offset_text, '([+-])(\d\d):?(\d\d)?$', 3) as integer), 0)
            )
        )
end;

-- The most frequent format is tried first: it needs no calendar and no replacement.
create macro instant_of(x, zone) as case
    when x is null then null
    when regexp_full_match(x, '\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-](0\d|1[0-4]):[0-5]\d)')
        then make_timestamp(epoch_us(try_cast(x as timestamptz)))
    else other_instant_of(trim(x), zone)
end;

-- A time outside these years is a wrong unit or a typing error.
create macro is_possible(instant) as
    coalesce(instant >= timestamp '2000-01-01' and instant < timestamp '2100-01-01', false);

-- Whether a date with slashes is certainly month first, and whether it is ambiguous.
create macro is_month_first(x) as regexp_full_match(x, '(0?[1-9]|1[0-2])/(1[3-9]|2\d|3[01])/\d{4}([ ,].*)?');
create macro is_either_way(x) as regexp_full_match(x, '(0?[1-9]|1[0-2])/(0?[1-9]|1[0-2])/\d{4}([ ,].*)?')
    and ltrim(split_part(x, '/', 1), '0') <> ltrim(split_part(x, '/', 2), '0');

create macro instant_error(x) as case
    when regexp_full_match(x, '-?\d+([.,]\d+)?') then
        case when regexp_full_match(x, '\d{11,}([.,]\d+)?')
            then 'is not a time between 2000 and 2100; milliseconds? write seconds'
            else 'is not a time between 2000 and 2100' end
    when is_month_first(x) then 'is a date with the month first; here the day comes first'
    when regexp_matches(x, '\d ?[A-Za-z]{2,5}$') and not regexp_matches(x, '(?i)(am|pm|utc|gmt)$')
        then 'has an unsupported time zone'
    when regexp_matches(x, '^(\d{4}-\d\d-\d\d|\d{1,2}/\d{1,2}/\d{4})([T ,]|$)')
        then 'is an impossible time, or not between 2000 and 2100'
    when regexp_matches(x, '(?i)^(mon|tue|wed|thu|fri|sat|sun)') then 'is a date in words, which is not supported'
    else 'is not a time'
end;

-- Does not accept three zeros after a point or a comma: 1.000 can mean a thousand.
create macro whole_of(x) as
    case when regexp_full_match(x, '\s*-?\d+([.,](0{0,2}|0{4,}))?\s*')
        then try_cast(regexp_extract(x, '-?\d+') as bigint) end;

create macro boolean_of(x) as case
    when lower(trim(x)) in ('true', 'yes', '1', '1.0') then true
    when lower(trim(x)) in ('false', 'no', '0', '0.0') then false
end;

-- The same id from every format: tools that store ids with gaps as floats, such as data frames, write 1 as 1.0.
create macro id_of(x) as nullif(
    case when ends_with(x, '0') or ends_with(x, ' ') or starts_with(x, ' ')
        then regexp_replace(trim(x), '^(-?\d{1,15})(\.0+|,0)$', '\1') else x end,
    ''
);

-- Not an id: no value, a number too long for a float or a spreadsheet (which lose the last digits), control characters.
create macro is_invalid_id(x) as regexp_full_match(
    x, '(?is)nan|[+-]?inf(inity)?|true|false|-?\d([.,]\d+)?e\+\d+|-?\d{16,}\.0+|.*[\x00-\x1f\x7f].*'
);

-- The first of these names that a JSON object contains twice.
create macro repeated_key(object, names) as list_filter(
    names, lambda name: len(list_filter(json_keys(object), lambda key: key = name)) > 1
)[1];

-- The elements of a list as texts. The list is a JSON list, one JSON object, or names separated by `;`.
create macro elements_of(x) as list_filter(
    case
        when starts_with(x, '[') then try(json_transform(x, '["VARCHAR"]'))
        when starts_with(x, '{') then [x]
        else list_transform(string_split(x, ';'), lambda name: trim(name))
    end,
    lambda element: element <> ''
);
