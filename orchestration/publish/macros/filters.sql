-- Which rows a period and the filters select: every report begins here.
--
-- Belongs here: periods, filters, their checks, and the parts that reports share. Does not: what is measured (see
-- `measures.sql`).
--
-- Every report takes from_date and to_date (local days, both inclusive) and the named filters accounts, agents (by id or name),
-- origins, channels, teams, conversation_tags, contact_tags (lists; null = all, an empty list = none) and working_hours (true,
-- false; null = all). 'Unassigned' among the agents selects conversations without an agent, 'Untagged' among the conversation
-- tags those without a tag; of several tags, one is enough. A value that does not exist is an error, which lists those that do.
--
-- The filters select conversations, whenever they started. A selected conversation counts on the day it started, its close on
-- the day of the close, its turns and messages on their own days, its survey on the day it was sent and on the day it was
-- answered. Messages whose conversation is not known count too, unless a filter other than accounts applies to the conversation.
--
-- DuckDB resolves the names in the caller's current database: open the file, or `attach` it and `use` it. A name that begins
-- with an underscore is internal to the reports. The tables of schema `reporting` are models of dbt. The lists of filters and
-- measures come from `report_macros.py`, which renders these files.

create or replace macro local_time(instant, time_zone) as timezone(time_zone, timezone('UTC', instant));
comment on macro local_time is
    'The clock time of an instant (UTC) in a time zone of the IANA database.';

-- The tags by which reports group and filter.
create or replace macro _tags(conversation_tags) as
    case when len(conversation_tags) > 0 then conversation_tags else ['Untagged'] end;
comment on macro _tags is 'Internal: the tags of a conversation, or Untagged.';

-- Errors name what is possible.
create or replace macro _is_valid_choice(name, value, possible) as
    case
        when list_contains(possible, value) then true
        else error(name || ' is ' || coalesce('''' || value || '''', 'null') || '; possible values: ' || array_to_string(possible, ', '))
    end;
comment on macro _is_valid_choice is 'Internal: true, or an error that lists the possible values.';

-- The last day of a period. The error is in the place of a value, since a condition of its own is not evaluated where no row
-- meets the other conditions.
create or replace macro _last_day(from_date, to_date) as
    case
        when from_date::date <= to_date::date then to_date::date
        when from_date is null or to_date is null then error('from_date and to_date are required')
        else error('from_date ' || from_date::date || ' is after to_date ' || to_date::date || '; swap them')
    end;
comment on macro _last_day is 'Internal: to_date as a date, or an error where it is before from_date.';

-- The values of filters that do not exist, with those that do. Agents and tags have a value for rows without one. A filter that
-- is null reads no table.
create or replace macro _unknown_values({{ filters }}) as table
with given_values as (
    select unnest(filter_values) as value, filter
    from (
        select
            unnest(['agents', 'channels', 'teams', 'conversation_tags', 'contact_tags']) as filter,
            unnest([agents::varchar[], channels, teams, conversation_tags, contact_tags]) as filter_values
    )
),
account_values as (
    select 'agents' as filter, unnest([agent_id, agent_name]) as value, agent_name as label, account_id
    from dim_agents
    where agents is not null
    union all
    select distinct 'channels', channel_id, channel_id, account_id
    from reporting.rpt_conversations
    where channels is not null and channel_id is not null
    union all
    select distinct 'teams', team_id, team_id, account_id
    from reporting.rpt_conversations
    where teams is not null and team_id is not null
    union all
    select tagged || '_tags', tag, tag, account_id
    from reporting.rpt_tags
    where conversation_tags is not null or contact_tags is not null
),
unknown_values as (
    select filter, string_agg(value, ', ' order by value) as names
    from given_values
    where (filter, value) not in (
        select (filter, value) from account_values
        union all
        values (('agents', 'Unassigned')), (('conversation_tags', 'Untagged'))
    )
    group by filter
),
listed_values as (
    select filter, string_agg(distinct label, ', ' order by label) as labels
    from account_values
    where accounts is null or list_contains(accounts, account_id)
    group by filter
)
select
    u.filter || ' has a value that does not exist: ' || u.names || '; possible values: '
    || coalesce(
        nullif(
            concat_ws(
                ', ',
                l.labels,
                case u.filter when 'agents' then 'Unassigned' when 'conversation_tags' then 'Untagged' end
            ),
            ''
        ),
        'none'
    ) as message
from unknown_values as u
left join listed_values as l on u.filter = l.filter;
comment on macro table _unknown_values is 'Internal: a message for each filter with a value that does not exist.';

create or replace macro _are_known({{ filters }}) as (
    select case when count(*) = 0 then true else error(min(message)) end
    from _unknown_values({{ filters }})
);
comment on macro _are_known is 'Internal: true, or an error where a filter has a value that does not exist.';

-- Not list_contains for channels and teams: DuckDB compares it with the statistics of the column, and where no row can match, it
-- skips the query with its check of the values.
create or replace macro _is_selected(c, {{ filters }}) as
    (accounts is null or list_contains(accounts, c.account_id))
    and (
        agents is null
        or list_contains(agents, coalesce(c.agent_id, 'Unassigned'))
        or c.agent_id in (select agent_id from dim_agents where list_contains(agents, agent_name))
    )
    and (origins is null or list_contains(origins, c.origin))
    and (channels is null or list_has_any([c.channel_id], channels))
    and (teams is null or list_has_any([c.team_id], teams))
    and (conversation_tags is null or list_has_any(c.tags, conversation_tags))
    and (contact_tags is null or list_has_any(c.contact_tags, contact_tags))
    and (working_hours is null or c.is_in_working_hours = working_hours);
comment on macro _is_selected is 'Internal: whether the filters select a row.';

-- Whether no filter applies to the conversation.
create or replace macro _is_unfiltered({{ conversation_filters }}) as
    agents is null and origins is null and channels is null and teams is null and conversation_tags is null
    and contact_tags is null and working_hours is null;
comment on macro _is_unfiltered is 'Internal: whether no filter applies to the conversation.';

-- The last day of the period, where period and filters are valid. A report that selects rows several times checks them once, here.
create or replace macro _period(from_date, to_date, {{ filters }}) as table
select _last_day(from_date, to_date) as last_day
where _are_known({{ filters }});
comment on macro table _period is 'Internal: the last day of the period, or an error. One row.';

-- The conversations that started in the period.
create or replace macro _started(from_date, to_date, {{ filters }}) as table
from reporting.rpt_conversations as c
where c.started_on between from_date::date and to_date::date
    and _is_selected(c, {{ filters }});
comment on macro table _started is 'Internal: the selected conversations that started in the period.';

-- The turns that began in the period.
create or replace macro _asked(from_date, to_date, {{ filters }}) as table
from reporting.rpt_turns as t
where t.asked_on between from_date::date and to_date::date
    and _is_selected(t, {{ filters }});
comment on macro table _asked is 'Internal: the turns of selected conversations that began in the period.';

-- The messages, closes and surveys of the period. A message without a known conversation is selected only where no filter
-- applies to the conversation.
create or replace macro _counted(from_date, to_date, {{ filters }}) as table
from reporting.rpt_counts_by_day as n
where n.day between from_date::date and to_date::date
    and _is_selected(n, {{ filters }})
    and (n.has_conversation or _is_unfiltered({{ conversation_filters }}));
comment on macro table _counted is 'Internal: the counts of the period that belong to selected conversations.';

-- All columns of the selected conversations, whenever they started.
create or replace macro _selected_conversations({{ filters }}) as table
with labelled as (
    select *, _tags(c.conversation_tags) as tags
    from fct_conversations as c
)
select *
from labelled as c
where _are_known({{ filters }}) and _is_selected(c, {{ filters }});
comment on macro table _selected_conversations is 'Internal: the selected conversations, whenever they started.';

-- The period before one has as many days, and ends the day before it begins.
create or replace macro _previous_from(from_date, to_date) as
    (from_date::date - (to_date::date - from_date::date + 1)::integer)::date;
comment on macro _previous_from is 'Internal: the first day of the period before.';
