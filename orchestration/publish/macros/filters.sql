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

-- The values of a filter, or an error for one that does not exist. Only what the accounts have is listed, in `shown`.
create or replace macro _known_values(name, given, known, shown) as
    case
        when list_has_all(known, given::varchar[]) then given::varchar[]
        else error(
            name || ' has a value that does not exist: '
            || array_to_string(list_filter(given::varchar[], lambda v: not list_contains(known, v)), ', ')
            || '; possible values: ' || coalesce(nullif(array_to_string(shown, ', '), ''), 'none')
        )
    end;
comment on macro _known_values is 'Internal: the values of a filter, or an error that lists the possible ones.';

{% for name, value, table, where, more in [
    ('channels', 'channel_id', 'rpt_conversations', 'channel_id is not null', []),
    ('teams', 'team_id', 'rpt_conversations', 'team_id is not null', []),
    ('conversation_tags', 'tag', 'rpt_tags', "tagged = 'conversation'", ['Untagged']),
    ('contact_tags', 'tag', 'rpt_tags', "tagged = 'contact'", []),
] -%}
create or replace macro _known_{{ name }}({{ name }}, accounts) as (
    select _known_values('{{ name }}', {{ name }}, coalesce(known, []) || {{ more }}::varchar[], coalesce(shown, []) || {{ more }}::varchar[])
    from (
        select
            list(distinct {{ value }}) as known,
            list(distinct {{ value }} order by {{ value }}) filter (where accounts is null or list_contains(accounts, account_id))
                as shown
        from reporting.{{ table }}
        where {{ where }}
    )
);
comment on macro _known_{{ name }} is 'Internal: the given {{ name }}, or an error for one that does not exist.';

{% endfor -%}
-- The ids of agents who are given by id or name. No subquery inside another: DuckDB 1.5 does not resolve its columns.
create or replace macro _known_agents(agents, accounts) as (
    select
        list_transform(
            list_filter(every_agent, lambda a: list_contains(given, a.id) or list_contains(given, a.name)), lambda a: a.id
        ) || list_filter(['Unassigned'], lambda a: list_contains(given, a))
    from (
        select
            coalesce(list({'id': agent_id, 'name': agent_name}), []) as every_agent,
            _known_values(
                'agents',
                agents,
                coalesce(list(agent_id) || list(agent_name), []) || ['Unassigned'],
                coalesce(
                    list(distinct agent_name order by agent_name)
                        filter (where accounts is null or list_contains(accounts, account_id)),
                    []
                ) || ['Unassigned']
            ) as given
        from dim_agents
    )
);
comment on macro _known_agents is 'Internal: the ids of agents, or an error for one that does not exist.';

create or replace macro _is_selected(c, {{ filters }}) as
    (accounts is null or list_contains(accounts, c.account_id))
    and (agents is null or list_contains(_known_agents(agents, accounts), coalesce(c.agent_id, 'Unassigned')))
    and (origins is null or list_contains(origins, c.origin))
    and (channels is null or list_contains(_known_channels(channels, accounts), c.channel_id))
    and (teams is null or list_contains(_known_teams(teams, accounts), c.team_id))
    and (conversation_tags is null or list_has_any(c.tags, _known_conversation_tags(conversation_tags, accounts)))
    and (contact_tags is null or list_has_any(c.contact_tags, _known_contact_tags(contact_tags, accounts)))
    and (working_hours is null or c.is_in_working_hours = working_hours);
comment on macro _is_selected is 'Internal: whether the filters select a row.';

-- Whether no filter applies to the conversation.
create or replace macro _is_unfiltered({{ conversation_filters }}) as
    agents is null and origins is null and channels is null and teams is null and conversation_tags is null
    and contact_tags is null and working_hours is null;
comment on macro _is_unfiltered is 'Internal: whether no filter applies to the conversation.';

-- The conversations that started in the period.
create or replace macro _started(from_date, to_date, {{ filters }}) as table
from reporting.rpt_conversations as c
where c.started_on between from_date::date and (select _last_day(from_date, to_date))
    and _is_selected(c, {{ filters }});
comment on macro table _started is 'Internal: the selected conversations that started in the period.';

-- The turns that began in the period.
create or replace macro _asked(from_date, to_date, {{ filters }}) as table
from reporting.rpt_turns as t
where t.asked_on between from_date::date and (select _last_day(from_date, to_date))
    and _is_selected(t, {{ filters }});
comment on macro table _asked is 'Internal: the turns of selected conversations that began in the period.';

-- The messages, closes and surveys of the period. A message without a known conversation is selected only where no filter
-- applies to the conversation.
create or replace macro _counted(from_date, to_date, {{ filters }}) as table
from reporting.rpt_counts_by_day as n
where n.day between from_date::date and (select _last_day(from_date, to_date))
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
where _is_selected(c, {{ filters }});
comment on macro table _selected_conversations is 'Internal: the selected conversations, whenever they started.';

-- The period before one has as many days, and ends the day before it begins.
create or replace macro _previous_from(from_date, to_date) as
    (from_date::date - (to_date::date - from_date::date + 1)::integer)::date;
comment on macro _previous_from is 'Internal: the first day of the period before.';
