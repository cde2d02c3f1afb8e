"""Erasure removes a contact from every file of the home, and the figures do not change.

Belongs here: erasure and the retention of rejected texts. Does not: ingestion (`test_ingest`).
"""

import itertools
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from house import House, jsonl

from orchestration.automation.jobs import is_up_to_date
from orchestration.commands import run
from orchestration.common import files
from orchestration.ingest.pipeline import has_changes, set_raw_aside
from orchestration.ingest.raw_store import erasure, retention
from orchestration.ingest.seeds import read_seeds
from orchestration.publish.reader import reader
from orchestration.publish.release import current_release
from orchestration.publish.tables import TABLES
from orchestration.settings import PROJECT, Settings, SettingsError
from orchestration.warehouse.inputs import fingerprint
from tests.conftest import project_with

CONTACT_ID = "k-forget.me"
CONTACT = {
    "id": CONTACT_ID,
    "tags": [{"id": 1, "name": "PRIVATE"}],
    "source": "FAIR",
    "created_on": 1788162240,
}
CONVERSATION = {
    "id": "v1",
    "created_on": 1788162240,
    "contact": CONTACT_ID,
    "tags": [{"id": 1, "name": "late"}],
}
MESSAGE = {
    "id": "m1",
    "timestamp": 1788162241,
    "contact": CONTACT_ID,
    "direction": "INBOUND",
    "body": "PRIVATE",
}
SURVEY = {"id": "s1", "conversation": "v1", "contact": CONTACT_ID, "rating": 5}
OTHERS = {
    "contacts": CONTACT | {"id": "other"},
    "conversations": CONVERSATION | {"id": "v2", "contact": "other"},
    "messages": MESSAGE | {"id": "m2", "contact": "other"},
    "surveys": SURVEY | {"id": "s2", "contact": "other"},
}


def list_erasures(project: Path, *contacts: str, account: str = "demo") -> None:
    lines = [f"{account},{contact},2026-09-01\n" for contact in contacts]
    (project / "seeds" / "erasures.csv").write_text(
        "".join(["account_id,contact_id,requested_on\n", *lines]), encoding="utf-8"
    )


@pytest.fixture
def house(tmp_path: Path) -> House:
    shutil.copytree(PROJECT / "seeds", tmp_path / "project" / "seeds")
    return House(tmp_path / "home", project=tmp_path / "project", hash_key="a key of sixteen letters")


def another(house: House, home: Path) -> House:
    """Return another home with the same seeds and the same key."""
    return House(home, project=house.settings.project, hash_key=house.settings.hash_key)


def erase(house: House, *contacts: str) -> None:
    list_erasures(house.settings.project, *contacts)


def with_account(house: House, account: str, platform: str) -> None:
    with (house.settings.project / "seeds" / "accounts.csv").open("a") as seed:
        seed.write(f"{account},{platform},UTC\n")


def add_records(house: House) -> None:
    for entity, record in [
        ("contacts", CONTACT),
        ("conversations", CONVERSATION),
        ("messages", MESSAGE),
        ("surveys", SURVEY),
    ]:
        house.drop(f"{entity}/a.jsonl", jsonl(record, OTHERS[entity]))
    house.drop(
        "messages/bad.jsonl", jsonl(MESSAGE | {"direction": CONTACT_ID}, OTHERS["messages"] | {"id": None})
    )
    house.drop(
        "messages/bad.csv", f"id,timestamp,direction,contact,body\n1,soon,INBOUND,{CONTACT_ID},PRIVATE\n"
    )


def contents(path: Path) -> bytes:
    """Return the content of a Parquet or DuckDB file, whose bytes can be compressed."""
    if path.suffix == ".parquet":
        with duckdb.connect() as con:
            return repr(con.execute(f"FROM read_parquet('{path}')").fetchall()).encode()
    if path.suffix == ".duckdb":
        with duckdb.connect(path, read_only=True) as con:
            tables = con.execute("SELECT schema_name, table_name FROM duckdb_tables()").fetchall()
            found = (con.execute(f'FROM "{schema}"."{table}"').fetchall() for schema, table in tables)
            return b"".join(repr(rows).encode() for rows in found)
    return b""


def traces(home: Path, *words: str) -> set[Path]:
    """Return the files outside landing that contain one of the words, as bytes or in a table."""
    found = set()
    for path in home.rglob("*"):
        if path.is_file() and "landing" not in path.parts:
            content = path.read_bytes() + contents(path)
            if any(word.encode() in content for word in words):
                found.add(path.relative_to(home))
    return found


def test_an_erased_contact_is_removed_and_every_row_is_kept(house: House) -> None:
    add_records(house)
    house.ingest()
    assert len(traces(house.settings.home, CONTACT_ID)) == 6
    before = house.everything()

    erase(house, CONTACT_ID)
    house.ingest()

    assert traces(house.settings.home, CONTACT_ID) == set()
    after = house.everything()
    assert {entity: len(rows) for entity, rows in after.items()} == {
        entity: len(rows) for entity, rows in before.items()
    }
    assert after["ledger"] == before["ledger"]
    [(pseudonym, *others)] = {row[:1] for row in house.rows("conversations", "contact") if row != ("other",)}
    assert pseudonym.startswith("erased-")
    assert not others
    rows = "id, tags IS NULL, source, created_on IS NULL"
    assert sorted(house.rows("contacts", rows)) == [
        (pseudonym, True, None, True),
        ("other", False, "FAIR", False),
    ]
    for entity in ("conversations", "messages", "surveys"):
        assert sorted(house.rows(entity, "id, contact")) == [
            (f"{entity[0].replace('c', 'v')}1", pseudonym),
            (f"{entity[0].replace('c', 'v')}2", "other"),
        ]
    columns = "file, line, field, reason, value IS NULL, raw IS NULL"
    assert house.rejected(columns) == [
        ("demo/messages/bad.csv", 2, "timestamp", "timestamp is not a time", True, True),
        ("demo/messages/bad.jsonl", 1, "direction", "direction is none of INBOUND, OUTBOUND", True, True),
        ("demo/messages/bad.jsonl", 2, "id", "id is missing", True, False),
    ]


def test_an_erased_whatsapp_contact_is_removed_with_its_message_ids_and_threads_are_kept(
    house: House,
) -> None:
    """The ids of messages contain the number. A status must still match its message."""
    with_account(house, "cloud", "whatsapp_cloud")
    message = {"id": "wamid.39333", "from": "39333", "from_user_id": "IT.7", "timestamp": "1788162241"}
    other = {"id": "wamid.4", "from": "44", "timestamp": "1788162241"}
    status = {"id": "wamid.39333", "status": "read", "timestamp": "1788162242", "recipient_id": "+39333"}
    value = {
        "metadata": {"phone_number_id": "5"},
        "contacts": [{"wa_id": "39333", "user_id": "IT.7"}],
        "messages": [message, other],
        "statuses": [status, {"id": "wamid.9", "status": "sent", "timestamp": "1", "recipient_id": "39333"}],
    }
    envelope = {"entry": [{"changes": [{"value": value}]}]}
    house.drop("webhooks/a.jsonl", jsonl(envelope), account="cloud")
    house.ingest()
    list_erasures(house.settings.project, "+39333", "IT.7", account="cloud")

    house.ingest()
    house.drop("webhooks/late.jsonl", jsonl(envelope | {"late": True}), account="cloud")
    house.ingest()

    assert traces(house.settings.home, "39333", "IT.7") == set()
    raw = f"read_parquet('{house.settings.raw_path}/{{}}/whatsapp_cloud/*.parquet')"
    with duckdb.connect() as con:
        messages = con.execute(f"SELECT id, sender FROM {raw.format('messages')} ORDER BY sender").fetchall()
        statuses = con.execute(f"SELECT id, recipient_id FROM {raw.format('statuses')}").fetchall()
        contacts = con.execute(f"SELECT wa_id, user_id FROM {raw.format('contacts')}").fetchall()
        raw_texts = con.execute(f"SELECT raw FROM '{house.settings.rejected_path}/*.parquet'").fetchall()
    assert messages[:2] == [("wamid.4", "44")] * 2
    assert statuses == messages[2:]
    assert [wa_id for wa_id, _ in contacts] == [messages[2][1]] * 2
    assert all(user_id.startswith("erased-") for _, user_id in contacts)
    assert raw_texts == [(None,)] * 2


BRAZIL, WITHOUT_NINTH_DIGIT = "5511987654321", "551187654321"


def add_envelope(house: House, name: str, *contacts: dict, account: str = "cloud") -> None:
    """Add an envelope with a message of each contact, given by `wa_id`, `user_id` or both."""
    messages = [
        {
            "id": f"{name}{n}",
            "from": c.get("wa_id"),
            "from_user_id": c.get("user_id"),
            "timestamp": "1788162241",
        }
        for n, c in enumerate(contacts)
    ]
    value = {"metadata": {"phone_number_id": "5"}, "messages": messages}
    house.drop(f"webhooks/{name}.jsonl", jsonl({"entry": [{"changes": [{"value": value}]}]}), account=account)


def senders(house: House) -> list[tuple]:
    files = house.settings.raw_path / "messages" / "whatsapp_cloud" / "*.parquet"
    with duckdb.connect() as con:
        return con.execute(f"SELECT sender, from_user_id FROM '{files}' ORDER BY _file, _line").fetchall()


@pytest.mark.parametrize("listed", [f"+{BRAZIL}", WITHOUT_NINTH_DIGIT, "BR.7", "BR.8"])
def test_every_id_of_a_contact_is_erased_for_any_listed_id(house: House, listed: str) -> None:
    with_account(house, "cloud", "whatsapp_cloud")
    add_envelope(house, "a", {"wa_id": WITHOUT_NINTH_DIGIT}, {"user_id": "BR.8"}, {"wa_id": "44"})
    house.ingest()
    list_erasures(house.settings.project, listed, account="cloud")
    house.ingest()
    add_envelope(house, "b", {"wa_id": BRAZIL, "user_id": "BR.7"})
    house.ingest()
    add_envelope(house, "c", {"wa_id": BRAZIL, "user_id": "BR.8"})
    house.ingest()
    add_envelope(house, "d", {"user_id": "BR.7"}, {"wa_id": WITHOUT_NINTH_DIGIT}, {"user_id": "BR.9"})
    house.ingest()

    assert traces(house.settings.home, BRAZIL, WITHOUT_NINTH_DIGIT, "BR.7", "BR.8") == set()
    found = senders(house)
    assert found[2] == ("44", None)
    assert found[-1] == (None, "BR.9")
    ids = {value for row in [*found[:2], *found[3:-1]] for value in row if value}
    assert len(ids) == 1, "the contact must count once"
    assert not has_changes(house.settings)


def test_set_aside_and_leftover_files_are_erased_too(house: House) -> None:
    add_records(house)
    house.ingest()
    set_raw_aside(house.settings)
    damaged = next(house.settings.set_aside_path.glob("*/raw/messages/*/2*.parquet"))
    shutil.copy(damaged, damaged.with_name("0-damaged.parquet"))
    damaged.write_bytes(damaged.read_bytes()[:-20] + CONTACT_ID.encode())
    settings = house.settings
    others = {settings.raw_path, settings.rejected_path, settings.set_aside_path, settings.published_path}
    for place in set(settings.contact_paths) - others:
        place.mkdir(parents=True)
        (place / "file").write_text(CONTACT_ID)
    erase(house, CONTACT_ID)

    house.ingest()

    assert traces(house.settings.home, CONTACT_ID) == set()
    assert list(house.settings.set_aside_path.glob("*/raw/messages/*/0-damaged.parquet"))


def test_every_path_of_a_home_is_covered_by_erasures_or_contains_no_contacts(sample: Settings) -> None:
    """A new path is either covered by erasures, or listed here with the reason why it contains no contact."""
    never = {
        "hash_key",
        "run.lock",
        "landing",  # belongs to the user
        "quality",  # figures only
        "dbt",  # compiled SQL, and logs without rows
        "dagster",  # the test of a whole run below searches its events for ids
    }
    places = {path.name for path in sample.home.iterdir()}
    assert places - never <= {path.relative_to(sample.home).parts[0] for path in sample.contact_paths}
    assert set(sample.contact_paths) <= set(sample.derived_paths)


def test_an_agent_with_the_id_of_an_erased_contact_is_kept(house: House) -> None:
    """In Chatwoot, contacts and agents have separate ids, and a sender can be either."""
    with_account(house, "desk", "chatwoot")
    sent = {"id": 1, "created_at": 1788162241, "conversation_id": 5, "sender_id": 7}
    house.drop(
        "messages/a.jsonl",
        jsonl(
            sent | {"message_type": 0, "sender_type": "Contact"},
            sent | {"id": 2, "message_type": 1, "sender_type": "User"},
        ),
        account="desk",
    )
    list_erasures(house.settings.project, "7", account="desk")

    house.ingest()

    with duckdb.connect() as con:
        senders = con.execute(
            f"SELECT sender_id FROM '{house.settings.raw_path}/messages/chatwoot/*.parquet' ORDER BY id"
        ).fetchall()
    assert senders[0][0].startswith("erased-")
    assert senders[1] == ("7",)


def test_erasure_before_and_after_ingestion_give_the_same_data(house: House, tmp_path: Path) -> None:
    other = another(house, tmp_path / "other")
    add_records(house)
    add_records(other)
    house.ingest()
    erase(house, CONTACT_ID)
    house.ingest()
    other.ingest()
    assert other.everything() == house.everything()


def test_later_records_of_an_erased_contact_are_erased(house: House) -> None:
    erase(house, CONTACT_ID)
    add_records(house)
    house.ingest()
    house.drop("conversations/late.jsonl", jsonl(CONVERSATION | {"id": "v3"}))
    house.ingest()
    assert traces(house.settings.home, CONTACT_ID) == set()
    assert len(set(house.rows("conversations", "contact"))) == 2


def test_the_same_list_is_not_applied_twice(house: House) -> None:
    add_records(house)
    house.ingest()
    erase(house, "other", CONTACT_ID)
    assert has_changes(house.settings)
    house.ingest()
    files = {path: path.stat().st_mtime_ns for path in house.settings.home.rglob("*.parquet")}
    erase(house, CONTACT_ID, "other", CONTACT_ID)
    assert not has_changes(house.settings)
    house.ingest()
    assert {path: path.stat().st_mtime_ns for path in house.settings.home.rglob("*.parquet")} == files


def test_only_files_with_the_contact_are_rewritten(house: House) -> None:
    house.drop("conversations/a.jsonl", jsonl(OTHERS["conversations"]))
    house.ingest()
    before = {path: path.stat().st_ino for path in house.settings.home.rglob("*.parquet")}
    house.drop("conversations/b.jsonl", jsonl(CONVERSATION))
    house.ingest()
    erase(house, CONTACT_ID)
    house.ingest()
    assert {path: path.stat().st_ino for path in before} == before


def test_an_erasure_killed_at_any_point_loses_nothing_and_the_next_run_completes_it(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_records(house)
    house.ingest()
    uninterrupted = another(house, tmp_path / "uninterrupted")
    add_records(uninterrupted)
    uninterrupted.ingest()
    erase(house, CONTACT_ID)
    uninterrupted.ingest()

    def counts(of: House) -> dict[str, int]:
        return {entity: len(rows) for entity, rows in of.everything().items()}

    replace, kills = files.replace, 0
    while has_changes(house.settings):
        left = itertools.count()

        def replace_or_die(written: Path, place: Path, left: itertools.count = left) -> None:
            if next(left) == 1:
                raise KeyboardInterrupt
            replace(written, place)

        monkeypatch.setattr(files, "replace", replace_or_die)
        try:
            house.ingest()
        except KeyboardInterrupt:
            kills += 1
        assert counts(house) == counts(uninterrupted)
    assert kills == 6
    assert house.everything() == uninterrupted.everything()


@pytest.mark.parametrize(
    ("contact", "text", "is_gone"),
    [
        ("7", '{"id": 7, "direction": "UP"}', True),
        ("7", '{"id": 77, "note": "17:70"}', False),
        ("7", "cut off in the middle, contact: 7", True),
        ("+39 333", '{"from": "+39 333"}', True),
        ("a.b", '{"id": "aXb"}', False),
        ("é1", '{"contact": "é1"}', True),
        ("é1", '{"contact": "\\u00e91"}', True),
        ("k1", '{"contact": "k1-2"}', True),
    ],
)
def test_a_rejected_text_is_removed_if_it_contains_the_id_as_a_word(
    house: House, contact: str, text: str, is_gone: bool
) -> None:
    house.drop("messages/a.jsonl", text)
    house.ingest()
    erase(house, contact)
    house.ingest()
    assert house.rejected("raw IS NULL") == [(is_gone,)]


def test_an_erasure_of_one_account_does_not_affect_another(house: House) -> None:
    (house.settings.seeds / "accounts.csv").write_text(
        "account_id,platform,time_zone\ndemo,activecampaign,Europe/Rome\nb,activecampaign,Europe/Rome\n"
    )
    for account in ("demo", "b"):
        house.drop("conversations/a.jsonl", jsonl(CONVERSATION, {"contact": CONTACT_ID}), account)
    house.ingest()
    erase(house, CONTACT_ID)
    house.ingest()
    assert [contact == CONTACT_ID for (contact,) in house.rows("conversations", "contact")] == [True, False]
    assert house.rejected("raw IS NULL") == [(False,), (True,)]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (
            "demos,k1,2026-01-01",
            "line 2, column account_id: 'demos' is invalid; expected an account of accounts.csv (known: ",
        ),
        (
            "demo,,2026-01-01",
            "line 2, column contact_id: this value is invalid; expected the contact's id on the platform",
        ),
        (
            "demo,k1,tomorrow",
            "line 2, column requested_on: 'tomorrow' is invalid; expected a date as YYYY-MM-DD",
        ),
    ],
)
def test_an_invalid_line_of_the_seed_stops_the_run_and_is_named(
    house: House, line: str, complaint: str, capfd: pytest.CaptureFixture
) -> None:
    (house.settings.seeds / "erasures.csv").write_text(f"account_id,contact_id,requested_on\n{line}\n")
    with pytest.raises(SettingsError, match=r"erasures\.csv: line 2"):
        house.ingest()
    house.drop("agents/a.jsonl", jsonl({"id": 1}))
    assert run(house.settings) == 2
    error = capfd.readouterr().err
    assert complaint in error
    assert "Traceback" not in error


def test_an_unknown_contact_and_a_file_name_with_a_contact_are_reported_by_line(house: House) -> None:
    house.drop("conversations/a.jsonl", jsonl(CONVERSATION))
    house.drop(f"conversations/only {CONTACT_ID}.jsonl", jsonl(CONVERSATION | {"id": "v9"}))
    erase(house, CONTACT_ID, "stranger")
    house.ingest()
    told = erasure.list_warnings(house.settings, read_seeds(house.settings.seeds).erasures)
    assert [message.split(":")[0] for message in told] == ["erasures.csv line 3", "erasures.csv line 2"]
    assert "no record of account demo has this contact" in told[0]
    assert "in the name of 1 file of" in told[1]
    assert not any(contact in message for message in told for contact in (CONTACT_ID, "stranger"))


def test_a_rejected_text_is_removed_after_the_retention_time_and_its_reason_is_kept(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.drop("messages/a.jsonl", jsonl(MESSAGE | {"direction": "PRIVATE"}, MESSAGE))
    house.drop("messages/b.jsonl", '[{"id": "PRIVATE')
    house.ingest()
    kept = House(house.settings.home, project=house.settings.project, keep_rejected_days=30)
    before, rejections = kept.everything(), kept.rejected("file, line, field, remedy")
    assert not has_changes(kept.settings)

    today = datetime.now(UTC)
    monkeypatch.setattr(retention, "now", lambda: today + timedelta(days=29, hours=23))
    kept.ingest()
    assert kept.everything() == before
    monkeypatch.setattr(retention, "now", lambda: today + timedelta(days=30, hours=1))
    assert has_changes(kept.settings)
    assert not has_changes(house.settings)
    kept.ingest()

    assert not has_changes(kept.settings)
    assert kept.rejected("file, line, field, remedy") == rejections
    assert kept.rejected("value, raw") == [(None, None)] * 2
    assert kept.everything() | {"rejected": []} == before | {"rejected": []}
    assert traces(kept.settings.home, "PRIVATE") == set()


def test_records_older_than_the_retention_time_are_removed_and_remain_counted(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drop(into: House) -> None:
        for day in ("2026-03-31T23:59:59Z", "2026-04-01T00:00:00Z", "2026-05-09T00:00:00Z"):
            house_day = {"id": day, "conversation": day}
            into.drop(f"conversations/{day[:10]}.jsonl", jsonl(house_day | {"created_on": day}))
            into.drop(
                f"messages/{day[:10]}.jsonl", jsonl(house_day | {"timestamp": day, "direction": "INBOUND"})
            )
            into.drop(f"surveys/{day[:10]}.jsonl", jsonl(house_day | {"responded_on": day}))
        into.drop("surveys/timeless.jsonl", jsonl({"id": "t", "conversation": "t"}))
        into.drop("contacts/a.jsonl", jsonl({"id": "c", "created_on": "2020-01-01T00:00:00Z"}))

    settings = {"project": house.settings.project, "hash_key": house.settings.hash_key, "keep_raw_days": 30}
    first, second = House(house.settings.home, **settings), House(tmp_path / "second", **settings)
    drop(first)
    drop(second)
    today = datetime(2026, 4, 30, 12, tzinfo=UTC)
    monkeypatch.setattr(retention, "now", lambda: today)
    first.ingest()
    assert len(first.rows("messages")) == 3
    before = first.ledger(), fingerprint(first.settings)

    today = datetime(2026, 5, 1, 12, tzinfo=UTC)
    assert fingerprint(first.settings) != before[1]
    first.settings.candidate_path.touch()
    first.ingest()
    second.ingest()

    assert not first.settings.candidate_path.exists(), "the candidate was built from removed records"

    assert [name for (name,) in first.rows("messages", "id")] == [
        "2026-04-01T00:00:00Z",
        "2026-05-09T00:00:00Z",
    ]
    assert [len(first.rows(entity)) for entity in ("conversations", "surveys", "contacts")] == [2, 3, 1]
    assert first.everything() == second.everything()
    assert first.ledger() == before[0]
    files = {path: path.stat().st_mtime_ns for path in first.settings.home.rglob("*.parquet")}
    first.settings.candidate_path.touch()
    first.ingest()
    assert {path: path.stat().st_mtime_ns for path in first.settings.home.rglob("*.parquet")} == files
    assert first.settings.candidate_path.exists()


def figures(settings: Settings) -> dict[str, list[tuple]]:
    """Return the rows of the release without the keys and attributes of contacts."""
    contact_columns = {
        "fct_conversations": ["contact_key", "contact_tags"],
        "fct_messages": ["contact_key"],
        "dim_contacts": ["contact_key", "source", "contact_tags", "created_at"],
    }
    with reader(settings) as connection:
        tables = {}
        for table in TABLES:
            left_out = ["build_id", "owner_key", *contact_columns.get(table, [])]
            query = f"SELECT COLUMNS(lambda name: name NOT IN {left_out}) FROM {table}"
            tables[table] = sorted(connection.execute(query).fetchall(), key=repr)
        return tables


@pytest.mark.slow
def test_a_run_with_an_erasure_leaves_no_trace_and_does_not_change_the_figures(
    sample: Settings, tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    home, seeds = tmp_path / "home", tmp_path / "seeds"
    shutil.copytree(sample.home, home)
    before = figures(sample)
    with duckdb.connect() as connection:
        known = connection.execute(
            f"SELECT DISTINCT contact FROM '{sample.raw_path}/conversations/activecampaign/*.parquet'"
            " ORDER BY contact"
        ).fetchall()
    erased = [contact for (contact,) in known[::10]]
    with reader(sample) as connection:
        keys = {key for (key,) in connection.execute("SELECT contact_key FROM dim_contacts").fetchall()}
    assert {Path("warehouse.duckdb")} < traces(home, *erased)
    seeds.mkdir()
    lines = [f"demo,{contact},2026-09-01\n" for contact in [*erased, "nobody-knows"]]
    (seeds / "erasures.csv").write_text("".join(["account_id,contact_id,requested_on\n", *lines]))
    settings = Settings(
        home=home, dagster=home / "dagster", project=project_with(seeds, tmp_path / "project")
    )

    assert run(settings) == 0

    assert figures(settings) == before
    assert traces(home, *erased, "nobody-knows") == set()
    with reader(settings) as connection:
        left = {key for (key,) in connection.execute("SELECT contact_key FROM dim_contacts").fetchall()}
    assert len(left) == len(keys)
    gone = keys - left
    assert len(gone) == len(erased)
    assert traces(home, *gone) == set()
    release = current_release(settings)
    assert [path.name for path in (settings.published_path / "releases").iterdir()] == [release.release_id]
    output = capfd.readouterr().out
    assert f"erasures.csv line {len(erased) + 2}: no record of account demo has this contact" in output
    assert is_up_to_date(settings)
