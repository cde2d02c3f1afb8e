-- Which rows a period and the filters select: every report begins here.
--
-- Belongs here: periods, filters, and the parts that reports share. Does not: what is measured (see `measures.sql`).
--
-- Every report takes from_date and to_date (local days, both inclusive) and the named filters accounts, agents, origins,
-- conversation_tags, contact_tags (lists; null = all, an empty list = none) and working_hours (true, false; null = all).
-- 'Unassigned' among the agents selects conversations without an agent, 'Untagged' among the conversation tags those without
-- a tag; of several tags, one is enough.
--
-- The filters select conversations, whenever they started. A selected conversation counts on the day it started, its
-- messages on their own days, its survey on the day it was sent and on the day it was answered. Messages whose conversation
-- is not known count too, unless a filter other than accounts applies to the conversation.
--
-- DuckDB resolves the names in the caller's current database: open the file, or `attach` it and `use` it. A name that begins
-- with an underscore is internal to the reports. `reporting.rpt_conversations` and `reporting.rpt_counts_by_day` are models
-- of dbt.

create or replace macro local_time(instant, time_zone) as timezone(time_zone, timezone('UTC', instant));
comment on macro local_time is
    'The clock time of an instant (UTC) in a time zone of the IANA database.';

-- The tags by which reports group and filter.
create or replace macro _tags(conversation_tags) as
    case when len(conversation_tags) > 0 then conversation_tags else ['Untagged'] end;

create or replace macro _is_selected(c, accounts, agents, origins, conversation_tags, contact_tags, working_hours) as
    (accounts is null or list_contains(accounts, c.account_id))
    and (agents is null or list_contains(agents, coalesce(c.agent_id, 'Unassigned')))
    and (origins is null or list_contains(origins, c.origin))
    and (conversation_tags is null or list_has_any(c.tags, conversation_tags))
    and (contact_tags is null or list_has_any(c.contact_tags, contact_tags))
    and (working_hours is null or c.is_in_working_hours = working_hours);

-- Whether no filter applies to the conversation.
create or replace macro _is_unfiltered(agents, origins, conversation_tags, contact_tags, working_hours) as
    agents is null and origins is null and conversation_tags is null and contact_tags is null and working_hours is null;

-- The conversations that started in the period.
create or replace macro _started(
    from_date, to_date, accounts, agents, origins, conversation_tags, contact_tags, working_hours
) as table
from reporting.rpt_conversations as c
where c.started_on between from_date::date and to_date::date
    and _is_selected(c, accounts, agents, origins, conversation_tags, contact_tags, working_hours);

-- The messages and surveys of the period. A message without a known conversation is selected only where no filter applies
-- to the conversation.
create or replace macro _counted(
    from_date, to_date, accounts, agents, origins, conversation_tags, contact_tags, working_hours
) as table
from reporting.rpt_counts_by_day as n
where n.day between from_date::date and to_date::date
    and _is_selected(n, accounts, agents, origins, conversation_tags, contact_tags, working_hours)
    and (n.has_conversation or _is_unfiltered(agents, origins, conversation_tags, contact_tags, working_hours));

-- All columns of the selected conversations, whenever they started.
create or replace macro _selected_conversations(accounts, agents, origins, conversation_tags, contact_tags, working_hours) as table
with labelled as (
    select *, _tags(c.conversation_tags) as tags
    from fct_conversations as c
)
select *
from labelled as c
where _is_selected(c, accounts, agents, origins, conversation_tags, contact_tags, working_hours);

-- The period before one has as many days, and ends the day before it begins.
create or replace macro _previous_from(from_date, to_date) as
    (from_date::date - (to_date::date - from_date::date + 1)::integer)::date;
