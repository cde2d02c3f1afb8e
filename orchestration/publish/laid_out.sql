-- What the reports read of the tables, laid out in the order of days when a release is built, and after an increment again
-- for the days that it touched.
--
-- Belongs here: what the two tables `_conversations` and `_counts_by_day` hold of a period, or of all (null). Does not: how
-- it is measured (see `reports.sql`).
--
-- `_accounts()` (account_id, time_zone, satisfied_from, dissatisfied_to) is made when the release is built.

create or replace macro local_time(instant, time_zone) as timezone(time_zone, timezone('UTC', instant));

-- Whether the local day of an instant may lie in a period, or in all (null): no clock is further than a day from UTC. Far
-- cheaper to ask than the local time.
create or replace macro _may_lie_in(instant, from_date, to_date) as
    from_date is null or instant between from_date::date - interval 1 day and to_date::date + interval 2 days;

-- The tags by which reports group and filter.
create or replace macro _tags(conversation_tags) as
    case when len(conversation_tags) > 0 then conversation_tags else ['Untagged'] end;

-- `_conversations`: what the reports measure of conversations, narrow, in the order of their days. Of the contact half the
-- keyed hash, as a number: to count distinct texts costs more than all else.
create or replace macro _conversations_of(from_date, to_date) as table
select
    c.account_id,
    left(c.contact_key, 32)::uuid as contact,
    c.origin,
    c.agent_id,
    c.first_response_agent_id as responder_id,
    _tags(c.conversation_tags) as tags,
    c.contact_tags,
    c.is_closed,
    c.is_in_working_hours,
    c.is_one_touch,
    c.is_automation_only,
    c.reopens,
    c.windows_missed,
    c.turns_answered,
    c.turns_unanswered,
    c.duration_seconds,
    c.duration_working_seconds,
    c.first_response_seconds,
    c.first_response_working_seconds,
    case when c.turns_answered > 0 then c.wait_sum_seconds end as wait_seconds,
    case when c.turns_answered > 0 then c.wait_working_sum_seconds end as wait_working_seconds,
    c.started_on,
    c.started_hour
from fct_conversations as c
where from_date is null or c.started_on between from_date and to_date;

-- `_counts_by_day`: messages come by the million, and a filter asks about their conversation only, so they are counted by
-- day, agent to whom they count and all that a filter asks about the conversation. So are the surveys sent and answered,
-- whose local day costs most.
create or replace macro _counts_of(from_date, to_date) as table
with conversations as not materialized (
    select *, _tags(conversation_tags) as tags
    from fct_conversations
),
happenings as (
    select
        m.account_id,
        m.agent_id as counted_agent_id,
        c.agent_id,
        coalesce(c.origin, 'other') as origin,
        c.tags,
        c.contact_tags,
        c.is_in_working_hours,
        c.conversation_id is not null as has_conversation,
        m.sent_on as day,
        true as is_message,
        m.direction = 'inbound' as is_inbound,
        m.is_agent_message,
        m.is_automated
    from fct_messages as m
    left join conversations as c on m.conversation_id = c.conversation_id
    where from_date is null or m.sent_on between from_date and to_date
    union all by name
    select
        c.account_id,
        c.agent_id as counted_agent_id,
        c.agent_id,
        c.origin,
        c.tags,
        c.contact_tags,
        c.is_in_working_hours,
        true as has_conversation,
        local_time(c.survey_sent_at, a.time_zone)::date as day,
        true as is_survey
    from conversations as c
    inner join _accounts() as a on c.account_id = a.account_id
    where c.survey_sent_at is not null and _may_lie_in(c.survey_sent_at, from_date, to_date)
    union all by name
    select
        c.account_id,
        c.agent_id as counted_agent_id,
        c.agent_id,
        c.origin,
        c.tags,
        c.contact_tags,
        c.is_in_working_hours,
        true as has_conversation,
        local_time(c.survey_responded_at, a.time_zone)::date as day,
        c.csat_rating as rating,
        c.csat_rating >= a.satisfied_from as is_satisfied,
        c.csat_rating <= a.dissatisfied_to as is_dissatisfied
    from conversations as c
    inner join _accounts() as a on c.account_id = a.account_id
    where c.survey_responded_at is not null and c.csat_rating is not null
        and _may_lie_in(c.survey_responded_at, from_date, to_date)
)
select
    account_id,
    counted_agent_id,
    agent_id,
    origin,
    tags,
    contact_tags,
    is_in_working_hours,
    has_conversation,
    day,
    count(is_message) as messages,
    count(*) filter (where is_inbound) as inbound_messages,
    count(*) filter (where is_agent_message) as agent_messages,
    count(*) filter (where is_automated) as automated_messages,
    count(is_survey) as surveys_sent,
    count(rating) as csat_n,
    sum(rating)::bigint as csat_sum,
    count(*) filter (where is_satisfied) as satisfied,
    count(*) filter (where is_dissatisfied) as dissatisfied,
    count(*) filter (where rating = 1) as rating_1,
    count(*) filter (where rating = 2) as rating_2,
    count(*) filter (where rating = 3) as rating_3,
    count(*) filter (where rating = 4) as rating_4,
    count(*) filter (where rating = 5) as rating_5
from happenings
where from_date is null or day between from_date and to_date
group by all;
