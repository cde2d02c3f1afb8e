-- The company of the sample: random numbers, calendar, agents, topics, contacts and starts of conversations.
-- Belongs here: what is the same for every period. Does not: the course of a conversation (see period.sql).
-- Variables: seed, account, zone, holidays, split, conversations, first_day, days.
-- Every instant is a UTC timestamp in whole seconds.

-- Random numbers. A draw is a cubic polynomial of its key over a prime field. Its coefficients depend on the
-- seed and on the name of the draw. Draws are uniform, independent for any four keys, and the same for every
-- engine version and number of threads.
create macro coefficient(what, power) as
    (md5_number_lower(concat_ws('/', getvariable('seed'), getvariable('account'), what, power))
        % 2147483647)::bigint;
create macro cubic(x, what) as
    (((coefficient(what, 3) * x + coefficient(what, 2)) % 2147483647
        * x + coefficient(what, 1)) % 2147483647
        * x + coefficient(what, 0)) % 2147483647;
create macro draw(key, what) as (cubic(key % 2147483647, what)::double + 0.5) / 2147483647;
create macro pick(choices, chance) as choices[1 + floor(chance * len(choices))::int];
-- A skewed delay in seconds: log-logistic, close to lognormal, but with one draw. `most` is the maximum.
create macro delay(median, sigma, most, chance) as
    least(most, median * exp(sigma * 0.5513 * ln(chance / (1 - chance))));
create macro later(instant, seconds) as instant + to_seconds(round(seconds)::bigint);

-- The time formats of the exports.
create macro local(instant) as instant at time zone 'UTC' at time zone getvariable('zone');
create macro utc(local_time) as local_time at time zone getvariable('zone') at time zone 'UTC';
create macro as_is(instant) as instant at time zone 'UTC';
create macro iso_z(instant) as strftime(instant, '%Y-%m-%dT%H:%M:%SZ');
create macro iso_offset(instant) as
    strftime(local(instant), '%Y-%m-%dT%H:%M:%S')
    || format('{:+03d}:00', date_diff('hour', instant, local(instant)));
create macro unix_seconds(instant) as epoch(instant)::bigint;
create macro day_first(instant) as strftime(local(instant), '%d/%m/%Y %H:%M');

-- The exports contain nothing at or after this time.
set variable cutoff = utc((getvariable('first_day') + getvariable('days'))::timestamp);
create macro known(instant) as if(instant < getvariable('cutoff'), instant, null);
set variable black_friday = (
    select max(day) from range(make_date(year(getvariable('first_day')), 11, 23)::timestamp,
        make_date(year(getvariable('first_day')), 11, 30)::timestamp, interval 1 day) as days(day)
    where isodow(day) = 5
);

-- One row per hour, to 60 days after the cutoff because answers come later. Opening times and offsets are full
-- hours, so every hour is either working time or not. Weights are integers, so that their sums are exact.
create table hours as
with clock as (
    select hour, local(hour) as local_hour,
        date_diff('day', getvariable('first_day')::timestamp, local(hour)) as day_no,
        list_contains(getvariable('holidays'), local(hour)::date) as is_holiday,
        abs(date_diff('day', getvariable('black_friday'), local(hour))) as days_to_rush
    from range(utc(getvariable('first_day')::timestamp), getvariable('cutoff') + interval 60 day,
        interval 1 hour) as hours(hour)
),
weighted as (
    select *,
        isodow(local_hour) <= 5 and hour(local_hour) in (9, 10, 11, 12, 14, 15, 16, 17) and not is_holiday
            as is_open,
        case when hour < getvariable('cutoff') then round(1000
            * [125, 110, 105, 100, 95, 40, 25][isodow(local_hour)]
            * [2, 1, 1, 1, 1, 2, 6, 18, 45, 90, 110, 100, 70, 50, 75, 95, 90, 70, 50, 40, 35, 28, 15, 6]
                [hour(local_hour) + 1]
            * case when is_holiday then 0.35 else 1 end
            * case when days_to_rush = 0 then 2.6 when days_to_rush <= 3 then 1.7 else 1 end
            * case when strftime(local_hour, '%m%d') between '1223' and '1231' then 0.5 else 1 end
            * (1 + 0.002 * day_no) * (0.85 + 0.3 * draw(day_no, 'day'))
        )::bigint else 0 end as weight
    from clock
)
select hour, is_open, if(days_to_rush <= 3, 1.8, 1.0) as rush, weight,
    strftime(local_hour, if(getvariable('split') = 'day', '%Y-%m-%d', '%Y-%m')) as period,
    (sum(is_open::int) over so_far - is_open::int)::bigint as open_before,
    (sum(weight) over so_far - weight) / sum(weight) over () as share_before
from weighted
window so_far as (order by hour rows unbounded preceding);

create table open_hours as select open_before as number, hour from hours where is_open;

-- The share of all conversations that starts in each period.
create table periods as
select period, min(share_before) as share_from,
    coalesce(lead(min(share_before)) over (order by period), 1) as share_to
from hours
where hour < getvariable('cutoff')
group by period;

-- The starts of conversations, distributed by weight. Numbers increase with time.
create macro starts(share_from, share_to) as table
with numbered as (
    select i, (i + draw(i, 'start')) / getvariable('conversations') as share
    from range(floor(share_from * getvariable('conversations'))::bigint,
        ceil(share_to * getvariable('conversations'))::bigint) as numbers(i)
)
select i, share, rush,
    later(hour, floor(3599 * least(1, (share - share_before)
        / (weight / (select sum(weight) from hours))))) as started_at,
    -- With the power, some contacts return often and many write only once.
    floor(getvariable('conversations') * 0.35 * pow(draw(i, 'contact'), 1.3))::bigint as contact
from numbered asof join (from hours where weight > 0) on share >= share_before
where share >= share_from and share < share_to;

-- `pace` multiplies an agent's response times, `warmth` shifts the ratings. An agent who leaves is not exported.
create table agents (
    no int, id text, first_name text, last_name text, team text, role text,
    weight double, pace double, warmth double, leaves boolean
);
insert into agents values
    (1, 'ag-01', 'Giulia', 'Ferri', 'Vendite', 'AGENT', 22, 0.6, 0.5, false),
    (2, 'ag-02', 'Marco', 'Bianchi', 'Assistenza', 'AGENT', 20, 1.0, 0.1, false),
    (3, 'ag-03', 'Sara', 'Conti', 'Assistenza', 'AGENT', 18, 0.8, 0.3, false),
    (4, 'ag-04', 'Luca', 'Moretti', 'Assistenza', 'AGENT', 15, 1.7, -0.4, false),
    (5, 'ag-05', 'Elena', 'Riva', 'Amministrazione', 'ADMIN', 10, 1.2, 0.0, false),
    (6, 'ag-06', 'Paolo', 'Greco', 'Vendite', 'AGENT', 8, 2.4, -0.8, false),
    (7, 'ag-07', 'Davide', 'Neri', 'Assistenza', 'AGENT', 14, 1.4, -0.2, true);

create macro email(first_name, last_name, host) as
    lower(first_name || '.' || replace(last_name, ' ', '')) || '@' || host;

-- The records of an agents file. The later file has Elena's new name.
create macro exported_agents(new_names) as table
select id, first_name, if(new_names and id = 'ag-05', 'Riva Galli', last_name) as last_name,
    email(first_name, last_name, 'shop.example.com') as email, [team] as teams, role
from agents
where not leaves;

-- Topics become tags. `trend` is their growth over the whole period, `rush` their factor around Black Friday.
-- `pace` multiplies the times of the conversation, `warmth` shifts the rating.
create table topics (
    no int, name text, weight double, trend double, rush double, pace double, warmth double, asks text[]
);
insert into topics values
    (1, 'Ordine', 22, 0.0, 1.0, 0.8, 0.1,
        ['A che punto è il mio ordine?', 'Posso modificare l''ordine?', 'Where is my order?']),
    (2, 'Spedizione', 19, 0.9, 1.2, 1.0, 0.0,
        ['Il pacco non è arrivato', 'Quando arriva il corriere?', 'The tracking page is empty']),
    (3, 'Reso', 8, 1.4, 0.8, 1.9, -0.1,
        ['Vorrei fare un reso', 'Come stampo l''etichetta?', 'I would like a refund']),
    (4, 'Fattura', 8, -0.5, 0.8, 1.4, 0.0,
        ['Mi serve la fattura', 'La partita IVA è sbagliata', 'Can I get an invoice?']),
    (5, 'Prodotto', 11, 0.0, 1.0, 0.6, 0.2,
        ['È disponibile in blu?', 'Che misure ha?', 'Is this waterproof?', 'Quando torna disponibile?']),
    (6, 'Pagamento', 6, 0.0, 1.6, 1.1, -0.1,
        ['Il pagamento non va a buon fine', 'Posso pagare a rate?', 'My card was charged twice']),
    (7, 'Promo', 6, -0.2, 5.0, 0.5, 0.2,
        ['Il codice sconto non funziona', 'L''offerta vale ancora?', 'Is the discount still valid?']),
    (8, 'Garanzia', 4, 0.0, 0.6, 2.8, -0.3,
        ['Si è rotto dopo un mese', 'È ancora in garanzia?', 'It stopped working']),
    (9, 'Reclamo', 3, 0.6, 1.5, 2.3, -1.2,
        ['Sono molto deluso', 'È la terza volta che scrivo', 'This is not acceptable']),
    (10, 'Collaborazione', 1, -0.6, 0.2, 1.5, 0.1,
        ['Vorrei proporre una collaborazione', 'Do you work with resellers?']);

set variable topic_names = (select list(name order by no) from topics);
set variable people = (
    select list({'id': id, 'first_name': first_name, 'last_name': last_name,
        'email': email(first_name, last_name, 'shop.example.com')} order by no)
    from agents
);
create macro tag_objects(names) as list_transform(names, lambda name: {'id': md5(name)[:6], 'name': name});
-- The tag Reso is called Resi in the first half of the period, with the same id.
create macro topic_tags(numbers, share) as list_transform(
    tag_objects(list_transform(numbers, lambda no: getvariable('topic_names')[no])),
    lambda tag: {'id': tag.id, 'name': if(tag.name = 'Reso' and share < 0.5, 'Resi', tag.name)}
);
create macro people(numbers) as list_transform(numbers, lambda no: getvariable('people')[no]);

create table phrases as
select 'topic ' || no as kind, asks as texts from topics
union all values
    ('hello', ['Ciao', 'Buongiorno', 'Salve', 'Hello', 'Buonasera']),
    ('menu', ['Scegli: 1 ordini, 2 resi, 3 altro', 'Indica il numero d''ordine', 'Ti passo un collega']),
    ('choice', ['1', '2', '3', 'Altro', 'Non ce l''ho']),
    ('away', ['Grazie per averci scritto, ti rispondiamo appena possibile', 'Siamo chiusi: a presto']),
    ('answer', ['Buongiorno, controllo subito', 'Mi manda il numero d''ordine?', 'Fatto, le ho scritto',
        'Confermo, è tutto a posto', 'Sure, let me check', 'It is on its way', 'Mi scuso per il disagio']),
    ('template', ['Ciao, abbiamo un aggiornamento per te', 'Novità in arrivo: rispondi per saperne di più']),
    ('reaction', ['👍', '❤️', '🙏']),
    ('thanks', ['Grazie mille!', 'Perfetto, grazie', 'Thank you!', 'Ok']);

create macro conversation_id(i) as format('c{:07d}', i);
create macro contact_id(contact) as format('k{:06d}', contact);
create macro contact_phone(contact) as format('+39000{:07d}', contact);

-- Every contact, created at the latest when its first conversation starts.
create view contacts_in_csv as
with firsts as (
    select contact, min(started_at) as first_at, max(started_at) as last_at
    from starts(0.0, 1.0)
    group by contact
),
named as (
    select *,
        pick(['Anna', 'Luigi', 'Chiara', 'Matteo', 'Sofia', 'Andrea', 'Laura', 'Emma', 'Tom', 'Nina'],
            draw(contact, 'first name')) as first_name,
        pick(['Rossi', 'Russo', 'Esposito', 'Romano', 'Colombo', 'Ricci', 'Marino', 'De Luca', 'Smith'],
            draw(contact, 'last name')) as last_name
    from firsts
)
select contact_id(contact) as id, first_name, last_name,
    email(first_name, last_name, format('k{:06d}.example.com', contact)) as email,
    if(draw(contact, 'phone') < 0.03, null, contact_phone(contact)) as phone,
    array_to_string(nullif(list_filter([
        if(draw(contact, 'b2b') < 0.18, 'b2b', null),
        if(draw(contact, 'newsletter') < 0.4, 'newsletter', null),
        if(draw(contact, 'vip') < 0.08, 'vip', null)
    ], lambda tag: tag is not null), []), ';') as tags,
    pick(['WHATSAPP', 'WHATSAPP', 'IMPORT', 'WEB_FORM'], draw(contact, 'source')) as source,
    later(first_at, -if(draw(contact, 'known') < 0.4, 86400 * 400 * draw(contact, 'since'), 5)) as created_on,
    later(last_at, 60) as last_updated_on
from named;

create view contacts as
select * replace (coalesce(tag_objects(string_split(tags, ';')), []) as tags) from contacts_in_csv;
