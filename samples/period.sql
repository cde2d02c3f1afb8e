-- The conversations that start in one period: turns, messages and outcome.
-- Belongs here: the course of conversations. Does not: the calendar, the agents and the texts (see world.sql), nor
-- the exported records (see exports.sql).
-- Variables: share_from, share_to (the period's share of all conversations).

-- The conversations with their opener, agents and story:
--   served       an agent answers the customer's questions
--   unanswered   no agent answers the customer's question
--   automated    the flow or the auto-response answers the question
--   stalled      the customer leaves in the middle of the flow
--   ignored      the customer does not reply to a template or broadcast
--   empty        created by the API, without messages
create or replace table conversation as
with drawn as (
    select *, draw(i, 'source') as chance, draw(i, 'story') as fate
    from starts(getvariable('share_from'), getvariable('share_to'))
),
sourced as (
    select *,
        case
            when chance < 0.42 then 'INBOUND' when chance < 0.64 then 'FLOW' when chance < 0.76 then 'INBOX'
            when chance < 0.84 then 'BROADCAST' when chance < 0.89 then 'API'
            when chance < 0.93 then 'AUTO_RESPONSE' when chance < 0.95 then 'UNKNOWN'
        end as source,
        chance > 0.89 and draw(i, 'opener') < 0.4 as is_robot
    from drawn
),
opened as (
    select *,
        case
            when source = 'INBOX' then 'agent' when source in ('BROADCAST', 'API') or is_robot then 'robot'
            else 'customer'
        end as opener
    from sourced
),
-- The smallest exponential draws divided by weights: a weighted choice without repetition.
subject as (
    select i, arg_min(no, -ln(draw(i * 16 + no, 'topic')) / (weight * (1 + trend * share)
        * if(drawn.rush > 1, topics.rush, 1)), 3) as topics
    from drawn cross join topics group by i
),
staff as (
    select i, arg_min(no, -ln(draw(i * 16 + no, 'agent')) / weight, 2) as agents
    from drawn join agents on not (leaves and share > 0.5) group by i
),
stories as (
    select opened.*, topics, agents, topic.pace as topic_pace,
        agent.pace * sqrt(topic.pace) * opened.rush as pace,
        draw(i, 'closed by') < 0.12 as is_left_to_close,
        case
            when source = 'API' and fate < 0.1 then 'empty'
            when opener = 'customer' and fate < 0.025 then 'unanswered'
            when source = 'FLOW' and fate < 0.07 then 'stalled'
            when source in ('FLOW', 'AUTO_RESPONSE') and fate < 0.3 then 'automated'
            when opener = 'agent' and fate < 0.25 or opener = 'robot' and fate < 0.6 then 'ignored'
            else 'served'
        end as story
    from opened join subject using (i) join staff using (i)
    join topics as topic on topic.no = subject.topics[1]
    join agents as agent on agent.no = staff.agents[1]
),
counted as (
    select *,
        if(source = 'FLOW', 1 + floor(draw(i, 'steps') * 3)::int, 0) as flow_steps,
        case story
            when 'served' then least(6, 1 + floor(-2.5 * sqrt(topic_pace) * ln(draw(i, 'turn count')))::int)
            when 'unanswered' then 1 when 'automated' then if(source = 'AUTO_RESPONSE', 1, 0) else 0
        end as turn_count
    from stories
)
select i, share, started_at, contact, source, opener, story, topics, agents, topic_pace, pace, flow_steps,
    turn_count,
    turn_count > 1 and draw(i, 'reopens') < 0.08 as reopens,
    turn_count > 1 and draw(i, 'transfer') < 0.09 as is_transferred,
    story = 'served' and draw(i, 'thanks') < 0.3 as thanks,
    -- The time before the first question: none if the customer opens, hours if the customer replies to a template.
    case
        when opener <> 'customer' then delay(4000, 1.3, 250000, draw(i, 'first gap'))
        when source = 'FLOW' then 15 + 45 * draw(i, 'first gap') else 0
    end as first_gap,
    case
        when story in ('automated', 'stalled') then 60 + 240 * draw(i, 'closing delay')
        when story = 'unanswered' then 172800 when story = 'ignored' or is_left_to_close then 86400
        else delay(3600 * pow(topic_pace, 1.5), 1.1, 500000, draw(i, 'closing delay')) + 30
    end as closing_delay,
    case
        when story in ('automated', 'stalled') then 'flow'
        when story <> 'served' or is_left_to_close then 'auto' else 'agent'
    end as closed_by,
    -- Messages of the flow are 20 seconds apart. A template is one message.
    later(started_at, 20 * flow_steps * 2 + if(opener = 'customer', 0, 2)) as opened_until
from counted;

-- Customer turns. Answers take working time, so that a question at night waits until the opening, except for a
-- few answers outside of working hours. Turn 0 is the opening and only sets the earliest time of a question.
create or replace table turn as
with recursive turns as (
    select i, 0 as turn, 1 as agent_rank, null::timestamp as closed_at, opened_until as asked_at, 0 as asks,
        0 as ask_gap, opened_until as asked_until, null::timestamp as answered_at, 0 as answers,
        0 as answer_gap, opened_until as until
    from conversation
    union all
    select i, turn, agent_rank, closed_at, asked_at, asks, ask_gap, asked_until,
        if(story = 'served', answered, null) as answered_at, answers, answer_gap,
        later(answered, (answers - 1) * answer_gap) as until
    from (
        select asked.*,
            if(draw(key, 'out of hours') < 0.12 / pace, later(asked_until, patience), open_hours.hour
                + to_seconds((worked + patience) % 3600)) as answered
        from (
            select asked.*,
                open_before * 3600 + if(is_open, epoch(asked_until - hours.hour)::bigint, 0) as worked
            from (
                select conversation.*, turns_before + 1 as turn, i * 8 + turns_before + 1 as key,
                    if(is_transferred and turns_before > 0, 2, 1) as agent_rank,
                    reopens and turns_before + 1 = turn_count as is_reopening,
                    if(is_reopening, later(until, closing_delay), null) as closed_at,
                    case
                        when turns_before = 0 then later(until, first_gap)
                        when is_reopening
                            then later(closed_at, delay(60000, 0.8, 500000, draw(key, 'return')))
                        else later(until, 20 + delay(240 * topic_pace, 1.5, 400000, draw(key, 'gap')))
                    end as asked_at,
                    pick([1, 1, 1, 1, 1, 2, 2, 2, 3], draw(key, 'asks')) as asks,
                    floor(draw(key, 'ask gap') * 25)::int as ask_gap,
                    later(asked_at, (asks - 1) * ask_gap) as asked_until,
                    if(turns_before = 0, 420, 200) * pace as usual,
                    round(25 + delay(usual, 1.1, 80000, draw(key, 'patience')))::bigint as patience,
                    pick([1, 1, 1, 2], draw(key, 'answers')) as answers,
                    6 + floor(draw(key, 'answer gap') * 35)::int as answer_gap
                from (select i, turn as turns_before, until from turns) join conversation using (i)
                where turns_before < turn_count
            ) as asked
            join hours on hours.hour = date_trunc('hour', asked_until)
        ) as asked
        join open_hours on open_hours.number = (worked + patience) // 3600
    ) as answer
)
select * from turns where turn > 0;

-- Every message, including those after the cutoff. Numbers, and so ids, increase with time in a conversation.
create or replace table message as
with messages as (
    -- The flow: the customer says hello, then the flow asks and the customer chooses.
    select i, n as number, later(started_at, 20 * n) as said_at, if(n % 2 = 0, 'customer', 'FLOW') as speaker,
        case when n = 0 then 'hello' when n % 2 = 0 then 'choice' else 'menu' end as kind
    from conversation, unnest(range(flow_steps * 2)) as steps(n)
    where source = 'FLOW'
    union all by name
    select i, 0 as number, later(started_at, 2) as said_at, 'template' as kind,
        case when opener = 'agent' then 'agent' when source in ('BROADCAST', 'AUTO_RESPONSE') then source
            else 'API' end as speaker,
        'apertura_' || lower(coalesce(source, 'api')) as template, agents[1] as agent
    from conversation where opener <> 'customer' and story <> 'empty'
    union all by name
    select i, turn * 10 + 6 + n as number, later(asked_at, n * ask_gap) as said_at, 'customer' as speaker,
        if(turn = 1 and n = 0 and source is distinct from 'FLOW', 'hello', 'topic ' || topics[1]) as kind
    from turn join conversation using (i), unnest(range(asks)) as parts(n)
    union all by name
    -- Most messages outside of working hours get an auto-response, in an AUTO_RESPONSE conversation all.
    select i, turn * 10 + 9 as number, later(asked_until, 1) as said_at, 'AUTO_RESPONSE' as speaker,
        'away' as kind
    from turn join conversation using (i) join hours on hours.hour = date_trunc('hour', asked_until)
    where turn = 1 and story <> 'unanswered'
        and (source = 'AUTO_RESPONSE' or (source = 'INBOUND' and not is_open and draw(i, 'away') < 0.6))
    union all by name
    -- After 24 hours the platform allows only templates.
    select i, turn * 10 + 10 + n as number, later(answered_at, n * answer_gap) as said_at, 'agent' as speaker,
        'answer' as kind, agents[agent_rank] as agent,
        if(n = 0 and answered_at > asked_until + interval 24 hour, 'riprendi_contatto', null) as template
    from turn join conversation using (i), unnest(range(answers)) as parts(n)
    where answered_at is not null
    union all by name
    -- In some conversations the customer reacts to the last answer.
    select i, 89 as number, later(max(until), 8) as said_at, 'customer' as speaker, 'reaction' as kind
    from turn join conversation using (i) where story = 'served' and draw(i, 'reaction') < 0.06 group by i
    union all by name
    select i, 90 as number, later(max(until), 15 + 300 * draw(i, 'thanks gap')) as said_at,
        'customer' as speaker, 'thanks' as kind
    from turn join conversation using (i) where thanks group by i
)
select messages.*, i * 128 + number as key from messages;

-- The state of each conversation at the cutoff.
create or replace table outcome as
with message_times as (
    select i, max(said_at) as ended_at, max(known(said_at)) as last_message_at,
        min(known(said_at)) filter (where kind = 'answer') as first_answer_at
    from message group by i
),
turn_times as (
    select i, min(asked_until) as first_asked_at, max(closed_at) as first_closed_at,
        max(asked_at) filter (where closed_at is not null) as reopened_at,
        min(asked_at) filter (where agent_rank = 2) as transferred_at
    from turn group by i
),
endings as (
    select *, draw(i, 'record') as record, draw(i, 'care') as care, draw(i, 'tagging') as tagging,
        -- Conversations that are never closed: all with a stalled flow, many without an answer, a few others.
        if(draw(i, 'forgotten') < case story when 'stalled' then 1 when 'unanswered' then 0.4 else 0.015 end,
            null, known(later(ended_at, closing_delay))) as closed_at,
        first_answer_at is not null and known(transferred_at) is not null as has_second_agent
    from conversation left join message_times using (i) left join turn_times using (i)
),
assignments as (
    select *,
        -- The first assignment is before the template or the first answer. Some agents never answer.
        known(case
            when opener = 'agent' then later(started_at, 1)
            when story = 'unanswered' and care > 0.6 then later(first_asked_at, 600)
            when first_answer_at is not null then greatest(first_asked_at, later(first_answer_at, -25))
        end) as assigned_at,
        if(story = 'served' and care < 0.04, later(closed_at, -5), null) as unassigned_at
    from endings
)
select *,
    -- Some closes have no event, some no closed_on, a few neither.
    closed_at is not null and (record < 0.9 or reopens) as has_closed_event,
    closed_at is not null and (record < 0.8 or record between 0.9 and 0.985) as has_closed_on,
    case
        when assigned_at is null or unassigned_at is not null then []
        -- Without this list, only an event names the agent.
        when care < 0.06 and closed_at is not null then []
        when has_second_agent then agents else agents[:1]
    end as assigned,
    case
        when story = 'empty' then 'CREATED'
        when closed_at is not null then if(draw(i, 'resolved') < 0.3, 'RESOLVED', 'CLOSED')
        when story = 'automated' then 'FLOW'
        when story = 'stalled' then if(draw(i, 'paused') < 0.5, 'FLOW', 'FLOW_PAUSED')
        when story = 'ignored' and opener = 'robot' then 'CREATED'
        when assigned_at is not null then 'IN_PROGRESS' else 'NEW'
    end as status,
    case when tagging < 0.14 then [] when tagging < 0.8 then topics[:1] when tagging < 0.96 then topics[:2]
        else topics end as tags
from assignments;
