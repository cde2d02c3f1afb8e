"""The sample exports: reproducible, as described in README.md, and consistent.

Belongs here: the generator and its shipped output. Does not: runs of the pipeline on the sample.
"""

from pathlib import Path

import duckdb
import pytest

from samples.generate import EXTRA_LINES, HERE, generate, main

SHIPPED = HERE / "landing" / "demo"
README = (HERE / "README.md").read_text(encoding="utf-8")
FILES_WITH_EXTRA_LINES = {
    "conversations": SHIPPED / "conversations" / "2025-10.jsonl",
    "messages": SHIPPED / "messages" / "2025-12-late.jsonl",
    "surveys": SHIPPED / "surveys" / "2025-10.csv",
}
SMALL = {"conversations": 150, "days": 40}
TINY = {"conversations": 50, "days": 4, "file_format": "parquet"}


def tree(folder: Path) -> dict[str, Path]:
    return {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}


def files(folder: Path) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in tree(folder).items()}


def records(path: Path) -> list[tuple]:
    """Return the records of a file, because another engine version can compress the bytes differently."""
    if path.suffix == ".parquet":
        return duckdb.read_parquet(str(path)).fetchall()
    return duckdb.read_csv(
        str(path), columns={"line": "VARCHAR"}, sep="\x1f", quotechar="", header=False
    ).fetchall()


def test_the_same_arguments_give_the_same_bytes_for_any_number_of_threads(tmp_path):
    generate(tmp_path / "one", **SMALL, threads=1)
    generate(tmp_path / "four", **SMALL, threads=4)
    assert files(tmp_path / "one") == files(tmp_path / "four")


def test_another_seed_or_account_gives_other_records_in_the_same_files(tmp_path):
    generate(tmp_path / "one", **TINY)
    generate(tmp_path / "two", **TINY, seed=2)
    generate(tmp_path / "one", **TINY, account="other")
    first, seed, account = (files(tmp_path / name) for name in ("one/demo", "two/demo", "one/other"))
    assert first.keys() == seed.keys() == account.keys()
    name = "messages/2025-10.parquet"
    assert len({first[name], seed[name], account[name]}) == 3


def test_a_split_by_day_has_the_same_conversations(tmp_path):
    generate(tmp_path / "month", **TINY)
    generate(tmp_path / "day", **TINY, split="day")
    month = records(tmp_path / "month/demo/conversations/2025-10.parquet")
    assert month == records(tmp_path / "day/demo/conversations/2025-10-0[1-4].parquet")
    assert len(month) == 50


def test_the_documented_command_writes_the_shipped_files(tmp_path):
    assert "python samples/generate.py --out samples/landing\n" in README
    assert main(["--out", str(tmp_path)]) is None
    generated, shipped = tree(tmp_path / "demo"), tree(SHIPPED)
    assert generated.keys() == shipped.keys()
    for name in generated:
        assert records(generated[name]) == records(shipped[name]), name


def test_a_folder_that_is_not_empty_is_not_changed(tmp_path):
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "precious").write_text("")
    assert "is not empty" in main(["--out", str(tmp_path)])
    assert [path.name for path in (tmp_path / "demo").iterdir()] == ["precious"]


def test_the_readme_lists_every_extra_line():
    for entity, lines in EXTRA_LINES.items():
        text = FILES_WITH_EXTRA_LINES[entity].read_text(encoding="utf-8").splitlines()
        for number, line in lines.items():
            assert text[number - 1] == line
            name = f"`{entity}/{FILES_WITH_EXTRA_LINES[entity].name}`"
            assert f"| {name} | {number} |" in README or f"{name}, line {number}," in README


@pytest.fixture(scope="module")
def sample():
    """Yield tables of the valid records of the shipped files; singular names exclude updates."""
    with duckdb.connect() as con:
        con.execute(f"set timezone = 'Europe/Rome'; set file_search_path = '{SHIPPED}'")
        con.execute("""
            create table conversations as
            select * from read_json(['conversations/*.jsonl', 'conversations/*.jsonl.gz'], format = 'nd',
                filename = true, ignore_errors = true, columns = {
                    id: 'text', created_on: 'timestamptz', contact: 'text', status: 'text', source: 'text',
                    assigned: 'struct(id text)[]', assigned_team: 'text', channel: 'text',
                    tags: 'struct(id text, name text)[]',
                    last_updated_on: 'timestamptz', closed_on: 'timestamptz', region: 'text'})
            where id like 'c0%';
            create table conversation as from conversations where filename not like '%updates%';

            create table messages as
            select id, timestamp, conversation, contact, direction, source, msg_type as type, status,
                sent_on, delivered_on,
                read_on, sent_by.id as sender, whatsapp_template as template, provider_error_code as error,
                from_number, to_number, 'parquet' as filename
            from 'messages/*.parquet'
            union all by name
            select * exclude (sent_by, whatsapp_template, provider_error_code, msg_type),
                msg_type as type, sent_by.id as sender,
                whatsapp_template as template, provider_error_code as error
            from read_json(['messages/*.jsonl', 'messages/*.jsonl.gz', 'messages/*.jsonl.zst'], format = 'nd',
                filename = true, ignore_errors = true, columns = {
                    id: 'text', timestamp: 'timestamptz', conversation: 'text', contact: 'text',
                    direction: 'text', source: 'text', msg_type: 'text', status: 'text',
                    sent_on: 'timestamptz',
                    delivered_on: 'timestamptz', read_on: 'timestamptz', sent_by: 'struct(id text)',
                    whatsapp_template: 'text', provider_error_code: 'text', from_number: 'text',
                    to_number: 'text'})
            where id is not null;
            create table message as
            select distinct on (id) * from messages where id like 'm0%' order by id, filename;
            -- The first and last message and the number of senders of each conversation.
            create table talk as
            select conversation as id, min(timestamp) as first_at, max(timestamp) as last_at,
                count(sender) filter (template is null or not starts_with(template, 'apertura')) as answers,
                count(*) filter (direction = 'INBOUND') as asks, count(distinct sender) as senders
            from message group by conversation;

            create table event as
            select * replace (to_timestamp(occurred_on) as occurred_on)
            from read_json('conversation_events/*.ndjson.gz', format = 'nd');
            create table survey as from 'surveys/*.csv' where id like 's0%';
            create table contact as
            from read_csv('contacts/*.csv', delim = ';', quote = '"', all_varchar = true);
            create table agent as
            select filename, unnest(results, recursive := true)
            from read_json('agents/*.json', filename = true);
        """)
        yield con


def values(sample, query: str) -> set:
    return {value for (value,) in sample.execute(query).fetchall()}


def test_every_source_and_status_of_a_conversation_appears(sample):
    sources = {"INBOX", "FLOW", "INBOUND", "API", "BROADCAST", "AUTO_RESPONSE", "UNKNOWN", None}
    statuses = {"CREATED", "FLOW", "FLOW_PAUSED", "NEW", "IN_PROGRESS", "RESOLVED", "CLOSED"}
    assert values(sample, "select source from conversation") == sources
    assert values(sample, "select status from conversation") == statuses


def test_every_type_of_event_and_source_of_a_message_appears(sample):
    events = {"assigned", "unassigned", "handed_off", "closed", "reopened"}
    sources = {"INBOUND", "INBOX", "FLOW", "AUTO_RESPONSE", "API", "BROADCAST", None}
    assert values(sample, "select type from event") == events
    assert values(sample, "select source from message") == sources
    assert values(sample, "select rating from survey") == {1, 2, 3, 4, 5, None}


CLOSED = "status in ('CLOSED', 'RESOLVED')"
EVENTS_OF = "from event where event.conversation = conversation.id and type"

SPECIAL_CASES = {
    "no tag": "from conversation where len(tags) = 0",
    "two tags": "from conversation where len(tags) = 2",
    "three tags": "from conversation where len(tags) = 3",
    "unassigned": "from conversation where len(assigned) = 0",
    "two agents": "from conversation join talk using (id) where len(assigned) = 2 and senders = 2",
    "unassigned later": f"from conversation where len(assigned) = 0 and exists ({EVENTS_OF} = 'unassigned')",
    "assigned by event only": f"""from conversation where len(assigned) = 0
        and exists ({EVENTS_OF} = 'assigned') and not exists ({EVENTS_OF} = 'unassigned')""",
    "reopened, then closed again": f"""from conversation where {CLOSED}
        and (select max(occurred_on) {EVENTS_OF} = 'reopened')
        between (select min(occurred_on) {EVENTS_OF} = 'closed')
        and (select max(occurred_on) {EVENTS_OF} = 'closed')""",
    "closed by event only": f"from conversation where closed_on is null and exists ({EVENTS_OF} = 'closed')",
    "closed without event": f"""from conversation where closed_on is not null
        and not exists ({EVENTS_OF} = 'closed')""",
    "closed without event and closed_on": f"""from conversation where {CLOSED} and closed_on is null
        and not exists ({EVENTS_OF} = 'closed')""",
    "unanswered": """from conversation join talk using (id)
        where source = 'INBOUND' and asks > 0 and answers = 0""",
    "an expired window": """from (select *, lead(timestamp) over (partition by conversation order by id)
        as next_at from message) where direction = 'INBOUND' and next_at > timestamp + interval 24 hour""",
    "automation only": f"""from conversation join talk using (id)
        where {CLOSED} and source = 'FLOW' and answers = 0""",
    "no messages": "from conversation anti join talk using (id) where status = 'CREATED'",
    "opened by an agent": "from message where template = 'apertura_inbox' and sender is not null",
    "a broadcast": "from message where source = 'BROADCAST' and template is not null and sender is null",
    "an agent's template late in a conversation": "from message where template = 'riprendi_contatto'",
    "same second": """from message as a join message as b on a.conversation = b.conversation
        and a.timestamp = b.timestamp and a.id < b.id""",
    "no conversation": "from message where conversation is null",
    "unknown conversation": """from messages anti join conversations
        on messages.conversation = conversations.id where messages.conversation is not null""",
    "failed": "from message where status = 'failed' and error is not null",
    "read": "from message where status = 'read' and read_on > delivered_on and delivered_on > sent_on",
    "answered at night": """from message
        where sender is not null and template is null and hour(timestamp) >= 20""",
    "in two files": "select id from messages group by id having count(distinct filename) = 2",
    "newer version": """from conversations as new join conversation as old using (id)
        where new.region is not null and new.last_updated_on > old.last_updated_on""",
    "closed later": f"""from conversations as new join conversation as old using (id)
        where new.region is not null and new.{CLOSED} and not old.{CLOSED}""",
    "a former agent": "from message anti join agent on sender = agent.id where sender is not null",
    "a renamed agent": "select id from agent group by id having count(distinct last_name) = 2",
    "contact tags": "from contact where tags = 'b2b;newsletter'",
    "a returning contact": "select contact from conversation group by contact having count(*) > 5",
    "surveyed twice": "select conversation from survey group by conversation having count(*) = 2",
    "no answer to a survey": "from survey where responded_on is null and rating is null",
    "answered days later": "from survey where responded_on > sent_on + interval 1 day",
    "a comment": "from survey where comment is not null",
    "a reaction": "from message where type = 'reaction'",
    "closed after thanks": f"""from conversation join talk using (id) where {CLOSED} and id in (
        select conversation from message group by conversation
        having arg_max(direction, id) = 'INBOUND' and count(sender) > 0)""",
    "a transfer": """select conversation from event where type = 'assigned' group by conversation
        having count(*) = 2""",
    "a hand-off": "from event where type = 'handed_off'",
    "a renamed tag": """select tag.id from (select unnest(tags) as tag from conversations)
        group by tag.id having count(distinct tag.name) = 2""",
    "two channels and teams": """select 1 from conversation
        having count(distinct channel) = 2 and count(distinct assigned_team) > 1""",
    "an open conversation": f"from conversation where not {CLOSED}",
}

IMPOSSIBLE = {
    "starts after its first message": "from conversation join talk using (id) where first_at < created_on",
    "has a message after its close": "from conversation join talk using (id) where last_at > closed_on",
    "is closed by event before its last message": f"""from conversation join talk using (id) where {CLOSED}
        and (select max(occurred_on) {EVENTS_OF} = 'closed') < last_at""",
    "is updated before its last message": """from conversation join talk using (id)
        where last_at > last_updated_on or closed_on > last_updated_on""",
    "has an event before its start": """from event join conversation on event.conversation = conversation.id
        where occurred_on < created_on""",
    "is assigned after an answer": """from (select conversation, min(occurred_on) as taken_at from event
        where type = 'assigned' group by conversation)
        join message using (conversation) where sender is not null and timestamp < taken_at""",
    "has unordered ids": """from message as a join message as b on a.conversation = b.conversation
        and a.timestamp < b.timestamp and a.id > b.id""",
    "has a message of another contact": """from message
        join conversation on message.conversation = conversation.id
        where message.contact <> conversation.contact""",
    "has a message read before sent": "from message where sent_on < timestamp or read_on < delivered_on",
    "has a survey before its end": """from survey join conversation on survey.conversation = conversation.id
        where survey.sent_on < closed_on or responded_on < survey.sent_on""",
    "is older than its contact": """from conversation join contact on conversation.contact = contact.id
        where strptime(contact.created_on, '%d/%m/%Y %H:%M') > conversation.created_on::timestamp""",
    "has an unknown contact": "from conversation anti join contact on conversation.contact = contact.id",
    "has real numbers": """from message
        where not (from_number like '+39000%' and to_number like '+39000%')""",
    "has a message after the end of the year": "from message where timestamp >= '2026-01-01'",
}


@pytest.mark.parametrize("query", SPECIAL_CASES.values(), ids=SPECIAL_CASES.keys())
def test_the_sample_contains(sample, query):
    assert sample.execute(f"select count(*) from ({query} limit 1)").fetchone() == (1,)


@pytest.mark.parametrize("query", IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_the_sample_contains_no_conversation_that(sample, query):
    assert sample.execute(query).fetchall() == []


def test_the_quarter_has_seasons(sample):
    busiest, weekend, christmas = sample.execute("""
        select mode(created_on::date)::text, avg((isodow(created_on) > 5)::int),
            count(*) filter (created_on between '2025-12-24' and '2025-12-27')
        from conversation
    """).fetchone()
    assert busiest == "2025-11-28"
    assert weekend < 0.2
    assert christmas < 30


def test_slow_answers_get_worse_ratings(sample):
    fast, slow = sample.execute("""
        with answered as (
            select conversation, min(timestamp) filter (direction = 'INBOUND') as asked_at,
                min(timestamp) filter (sender is not null and template is null) as answered_at
            from message group by conversation
        )
        select avg(rating) filter (answered_at < asked_at + interval 30 minute),
            avg(rating) filter (answered_at > asked_at + interval 8 hour)
        from survey join answered using (conversation)
    """).fetchone()
    assert fast > slow + 0.3
