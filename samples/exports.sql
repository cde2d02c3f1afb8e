-- The exported records of the conversations of a period, with the platform's field names.
-- Belongs here: the records of each entity. Does not: the course of conversations (see period.sql), nor the files
-- (see generate.py).

create view conversations as
select conversation_id(i) as id, started_at as created_on, contact_id(contact) as contact, status, source,
    people(assigned) as assigned, (select team from agents where no = assigned[-1]) as assigned_team,
    topic_tags(tags, share) as tags, if(draw(contact, 'channel') < 0.8, 'wa-negozio', 'wa-aziende') as channel,
    later(greatest(started_at, last_message_at, closed_at), 30) as last_updated_on,
    if(has_closed_on, closed_at, null) as closed_on
from outcome;

-- `lateness` selects the messages that arrive later, in a separate file.
create view all_messages as
with drawn as (
    select message.*, contact, speaker <> 'customer' as is_outbound, draw(key, 'delivery') as delivery,
        later(said_at, 1) as sent_at, later(said_at, 2 + 4 * draw(key, 'delivered')) as delivered_at,
        1 + delay(150, 1.8, 400000, draw(key, 'read')) as unread_for
    from message join conversation using (i)
    where said_at < getvariable('cutoff')
),
delivered as (
    select *,
        if(is_outbound, said_at, null) as queued_on, if(is_outbound, said_at, null) as accepted_on,
        if(is_outbound and delivery >= 0.016, known(sent_at), null) as sent_on,
        if(is_outbound and delivery >= 0.05, known(delivered_at), null) as delivered_on,
        if(is_outbound and delivery >= 0.25, known(later(delivered_at, unread_for)), null) as read_on,
        if(is_outbound and delivery < 0.016, known(sent_at), null) as failed_on
    from drawn
)
select format('m{:010d}', key) as id, said_at as "timestamp",
    if(draw(key, 'orphan') < 0.015, null, conversation_id(i)) as conversation, contact_id(contact) as contact,
    if(is_outbound, 'OUTBOUND', 'INBOUND') as direction,
    case
        when not is_outbound then 'INBOUND' when speaker <> 'agent' then speaker
        when kind = 'template' or draw(key, 'sourced') > 0.03 then 'INBOX'
    end as source,
    case
        when kind = 'reaction' then 'reaction'
        when template is not null then 'template'
        when kind like 'topic%' and draw(key, 'attached') < 0.3
            then pick(['image', 'image', 'audio', 'document'], draw(key, 'type'))
        else 'text'
    end as msg_type,
    case
        when not is_outbound then if(draw(key, 'deleted') < 0.004, 'deleted', 'received')
        when failed_on is not null then if(delivery < 0.012, 'failed', 'undelivered')
        when read_on is not null then 'read' when delivered_on is not null then 'delivered'
        when sent_on is not null then 'sent' else 'accepted'
    end as status,
    queued_on, accepted_on, sent_on, delivered_on, read_on, failed_on,
    if(speaker = 'agent', struct_insert(getvariable('people')[agent], role := 'AGENT'), null) as sent_by,
    template as whatsapp_template,
    if(failed_on is null, null, pick(['131026', '131047', '470'], draw(key, 'error'))) as provider_error_code,
    pick(texts, draw(key, 'body')) as body,
    if(is_outbound, '+390000000000', contact_phone(contact)) as from_number,
    if(is_outbound, contact_phone(contact), '+390000000000') as to_number,
    if(draw(key, 'dated') < 0.6, greatest(said_at, sent_on, delivered_on, read_on, failed_on), null)
        as last_updated_on,
    draw(key, 'late') as lateness
from delivered join phrases using (kind);

-- A few late messages are also in the first export.
create view messages as select * exclude (lateness) from all_messages where lateness >= 0.004;
create view late_messages as select * exclude (lateness) from all_messages where lateness < 0.006;

create view surveys as
with numbered as (
    select *, i * 2 + nth as key
    from outcome, unnest(range(if(draw(i, 'second survey') < 0.05, 2, 1))) as surveys(nth)
    where closed_at is not null and first_answer_at is not null and draw(i, 'surveyed') < 0.45
),
sent as (
    select *, later(closed_at, 60 + 240 * draw(key, 'sent') + nth * 90000) as sent_on,
        delay(900, 1.4, 200000, draw(key, 'responded')) as soon,
        if(draw(key, 'days later') < 0.1, 86400 * (1 + 4 * draw(key, 'how late')), 0) as days_later,
        draw(key, 'mood') as mood
    from numbered
),
felt as (
    select sent.*, agent.id as agent_id,
        if(draw(key, 'responds') < 0.55, known(later(sent_on, 20 + soon + days_later)), null) as responded_on,
        greatest(0, epoch(first_answer_at - first_asked_at)) as waited,
        4.7 + agent.warmth + topic.warmth - 0.3 * ln(1 + waited / 1800)
            + 0.6 * ln(mood / (1 - mood)) as score
    from sent join agents as agent on agent.no = agents[1] join topics as topic on topic.no = topics[1]
)
select format('s{:08d}', key) as id, conversation_id(i) as conversation, contact_id(contact) as contact,
    agent_id as agent, sent_on, responded_on,
    if(responded_on is null, null, greatest(1, least(5, round(score)::int))) as rating,
    if(rating is null or draw(key, 'comments') > 0.25, null, case
        when rating >= 4 then pick(['Gentilissimi', 'Veloce e chiaro', 'Great service', 'Tutto bene, grazie'],
            draw(key, 'comment'))
        else pick(['Troppa attesa', 'Non ho risolto', 'Too slow', 'Risposta poco chiara, "vediamo"'],
            draw(key, 'comment')) end) as comment,
    coalesce(responded_on, sent_on) as last_updated_on
from felt
where sent_on < getvariable('cutoff');

create view conversation_events as
with events as (
    select i, 0 as nth, 'handed_off' as type, later(opened_until, -10) as occurred_on, null as agent,
        'flow' as reason
    from outcome where source = 'FLOW' and story in ('served', 'unanswered')
    union all by name
    select i, 1 as nth, 'assigned' as type, assigned_at as occurred_on, agents[1] as agent,
        if(care < 0.5, 'agent', 'auto') as reason
    from outcome
    union all by name
    select i, 2 as nth, 'assigned' as type, transferred_at as occurred_on, agents[2] as agent,
        'agent' as reason
    from outcome where has_second_agent
    union all by name
    select i, 3 as nth, 'closed' as type, first_closed_at as occurred_on, agents[1] as agent,
        closed_by as reason
    from outcome
    union all by name
    select i, 4 as nth, 'reopened' as type, reopened_at as occurred_on from outcome
    union all by name
    select i, 5 as nth, 'unassigned' as type, unassigned_at as occurred_on, agents[1] as agent,
        'agent' as reason
    from outcome
    union all by name
    select i, 6 as nth, 'closed' as type, closed_at as occurred_on,
        agents[if(has_second_agent, 2, 1)] as agent, closed_by as reason
    from outcome where has_closed_event
)
select format('e{:08d}', i * 8 + nth) as id, conversation_id(i) as conversation, type, occurred_on,
    if(type = 'closed' and reason <> 'agent', null, getvariable('people')[agent].id) as agent, reason
from events
where occurred_on < getvariable('cutoff');

-- Changes after the cutoff: half of the open conversations are closed, and a few closed ones get other tags.
create view updated as
select *, later(getvariable('cutoff'), 122400 + 3600 * draw(i, 'tidied at')) as updated_at
from outcome
where draw(i, 'tidied') < if(closed_at is null, 0.5, 0.045) and story <> 'empty';

create view updated_conversations as
select conversations.* replace (
        if(closed_at is null, 'CLOSED', conversations.status) as status,
        if(closed_at is null, conversations.tags, topic_tags([topics[1], topics[3]], 1.0)) as tags,
        if(closed_at is null, updated_at, closed_on) as closed_on,
        updated_at as last_updated_on
    ), 'eu-1' as region
from conversations join updated on conversations.id = conversation_id(i);

create view updated_events as
select format('e{:08d}', i * 8 + 7) as id, conversation_id(i) as conversation, 'closed' as type,
    updated_at as occurred_on, null::text as agent, 'auto' as reason
from updated where closed_at is null and record < 0.6;
