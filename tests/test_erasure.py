"""Erasure removes a contact from every file of the home, and the figures do not change.

Belongs here: erasure and the retention of rejected texts. Does not: ingestion (`test_ingest`).
"""

import itertools
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from temporary_home import TemporaryHome, has_changes, jsonl

from orchestration.automation.jobs import is_up_to_date
from orchestration.commands import run
from orchestration.common import files
from orchestration.ingest.pipeline import set_raw_aside
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
def home(tmp_path: Path) -> TemporaryHome:
    shutil.copytree(PROJECT / "seeds", tmp_path / "project" / "seeds")
    return TemporaryHome(tmp_path / "home", project=tmp_path / "project", hash_key="a key of sixteen letters")


def another(home: TemporaryHome, folder: Path) -> TemporaryHome:
    """Return another home with the same seeds and the same key."""
    return TemporaryHome(folder, project=home.settings.project, hash_key=home.settings.hash_key)


def erase(home: TemporaryHome, *contacts: str) -> None:
    list_erasures(home.settings.project, *contacts)


def with_account(home: TemporaryHome, account: str, platform: str) -> None:
    with (home.settings.project / "seeds" / "accounts.csv").open("a") as seed:
        seed.write(f"{account},{platform},UTC\n")


def add_records(home: TemporaryHome) -> None:
    for entity, record in [
        ("contacts", CONTACT),
        ("conversations", CONVERSATION),
        ("messages", MESSAGE),
        ("surveys", SURVEY),
    ]:
        home.drop(f"{entity}/a.jsonl", jsonl(record, OTHERS[entity]))
    home.drop(
        "messages/bad.jsonl", jsonl(MESSAGE | {"direction": CONTACT_ID}, OTHERS["messages"] | {"id": None})
    )
    home.drop(
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


def test_an_erased_contact_is_removed_and_every_row_is_kept(home: TemporaryHome) -> None:
    add_records(home)
    home.ingest()
    assert len(traces(home.settings.home, CONTACT_ID)) == 6
    before = home.all_rows()

    erase(home, CONTACT_ID)
    home.ingest()

    assert traces(home.settings.home, CONTACT_ID) == set()
    after = home.all_rows()
    assert {entity: len(rows) for entity, rows in after.items()} == {
        entity: len(rows) for entity, rows in before.items()
    }
    assert after["ledger"] == before["ledger"]
    [(pseudonym, *others)] = {row[:1] for row in home.rows("conversations", "contact") if row != ("other",)}
    assert pseudonym.startswith("erased-")
    assert not others
    rows = "id, tags IS NULL, source, created_on IS NULL"
    assert sorted(home.rows("contacts", rows)) == [
        (pseudonym, True, None, True),
        ("other", False, "FAIR", False),
    ]
    for entity in ("conversations", "messages", "surveys"):
        assert sorted(home.rows(entity, "id, contact")) == [
            (f"{entity[0].replace('c', 'v')}1", pseudonym),
            (f"{entity[0].replace('c', 'v')}2", "other"),
        ]
    columns = "file, line, field, reason, value IS NULL, raw IS NULL"
    assert home.rejected(columns) == [
        ("demo/messages/bad.csv", 2, "timestamp", "timestamp is not a time", True, True),
        ("demo/messages/bad.jsonl", 1, "direction", "direction is none of INBOUND, OUTBOUND", True, True),
        ("demo/messages/bad.jsonl", 2, "id", "id is missing", True, False),
    ]


def test_an_erased_whatsapp_contact_is_removed_with_its_message_ids_and_threads_are_kept(
    home: TemporaryHome,
) -> None:
    """The ids of messages contain the number. A status must still match its message."""
    with_account(home, "cloud", "whatsapp_cloud")
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
    home.drop("webhooks/a.jsonl", jsonl(envelope), account="cloud")
    home.ingest()
    list_erasures(home.settings.project, "+39333", "IT.7", account="cloud")

    home.ingest()
    home.drop("webhooks/late.jsonl", jsonl(envelope | {"late": True}), account="cloud")
    home.ingest()

    assert traces(home.settings.home, "39333", "IT.7") == set()
    raw = f"read_parquet('{home.settings.raw_path}/{{}}/whatsapp_cloud/*.parquet')"
    with duckdb.connect() as con:
        messages = con.execute(f"SELECT id, sender FROM {raw.format('messages')} ORDER BY sender").fetchall()
        statuses = con.execute(f"SELECT id, recipient_id FROM {raw.format('statuses')}").fetchall()
        contacts = con.execute(f"SELECT wa_id, user_id FROM {raw.format('contacts')}").fetchall()
        raw_texts = con.execute(f"SELECT raw FROM '{home.settings.rejected_path}/*.parquet'").fetchall()
    assert messages[:2] == [("wamid.4", "44")] * 2
    assert statuses == messages[2:]
    assert [wa_id for wa_id, _ in contacts] == [messages[2][1]] * 2
    assert all(user_id.startswith("erased-") for _, user_id in contacts)
    assert raw_texts == [(None,)] * 2


BRAZIL, WITHOUT_NINTH_DIGIT = "5511987654321", "551187654321"


def add_envelope(home: TemporaryHome, name: str, *contacts: dict, account: str = "cloud") -> None:
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
    home.drop(f"webhooks/{name}.jsonl", jsonl({"entry": [{"changes": [{"value": value}]}]}), account=account)


def senders(home: TemporaryHome) -> list[tuple]:
    files = home.settings.raw_path / "messages" / "whatsapp_cloud" / "*.parquet"
    with duckdb.connect() as con:
        return con.execute(f"SELECT sender, from_user_id FROM '{files}' ORDER BY _file, _line").fetchall()


@pytest.mark.parametrize("listed", [f"+{BRAZIL}", WITHOUT_NINTH_DIGIT, "BR.7", "BR.8"])
def test_every_id_of_a_contact_is_erased_for_any_listed_id(home: TemporaryHome, listed: str) -> None:
    with_account(home, "cloud", "whatsapp_cloud")
    add_envelope(home, "a", {"wa_id": WITHOUT_NINTH_DIGIT}, {"user_id": "BR.8"}, {"wa_id": "44"})
    home.ingest()
    list_erasures(home.settings.project, listed, account="cloud")
    home.ingest()
    add_envelope(home, "b", {"wa_id": BRAZIL, "user_id": "BR.7"})
    home.ingest()
    add_envelope(home, "c", {"wa_id": BRAZIL, "user_id": "BR.8"})
    home.ingest()
    add_envelope(home, "d", {"user_id": "BR.7"}, {"wa_id": WITHOUT_NINTH_DIGIT}, {"user_id": "BR.9"})
    home.ingest()

    assert traces(home.settings.home, BRAZIL, WITHOUT_NINTH_DIGIT, "BR.7", "BR.8") == set()
    found = senders(home)
    assert found[2] == ("44", None)
    assert found[-1] == (None, "BR.9")
    ids = {value for row in [*found[:2], *found[3:-1]] for value in row if value}
    assert len(ids) == 1, "the contact must count once"
    assert not has_changes(home.settings)


def test_set_aside_and_leftover_files_are_erased_too(home: TemporaryHome) -> None:
    add_records(home)
    home.ingest()
    set_raw_aside(home.settings)
    damaged = next(home.settings.set_aside_path.glob("*/raw/messages/*/2*.parquet"))
    shutil.copy(damaged, damaged.with_name("0-damaged.parquet"))
    damaged.write_bytes(damaged.read_bytes()[:-20] + CONTACT_ID.encode())
    settings = home.settings
    others = {settings.raw_path, settings.rejected_path, settings.set_aside_path, settings.published_path}
    for place in set(settings.contact_paths) - others:
        place.mkdir(parents=True)
        (place / "file").write_text(CONTACT_ID)
    erase(home, CONTACT_ID)

    home.ingest()

    assert traces(home.settings.home, CONTACT_ID) == set()
    assert list(home.settings.set_aside_path.glob("*/raw/messages/*/0-damaged.parquet"))


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


def test_an_agent_with_the_id_of_an_erased_contact_is_kept(home: TemporaryHome) -> None:
    """In Chatwoot, contacts and agents have separate ids, and a sender can be either."""
    with_account(home, "desk", "chatwoot")
    sent = {"id": 1, "created_at": 1788162241, "conversation_id": 5, "sender_id": 7}
    home.drop(
        "messages/a.jsonl",
        jsonl(
            sent | {"message_type": 0, "sender_type": "Contact"},
            sent | {"id": 2, "message_type": 1, "sender_type": "User"},
        ),
        account="desk",
    )
    list_erasures(home.settings.project, "7", account="desk")

    home.ingest()

    with duckdb.connect() as con:
        senders = con.execute(
            f"SELECT sender_id FROM '{home.settings.raw_path}/messages/chatwoot/*.parquet' ORDER BY id"
        ).fetchall()
    assert senders[0][0].startswith("erased-")
    assert senders[1] == ("7",)


def test_erasure_before_and_after_ingestion_give_the_same_data(home: TemporaryHome, tmp_path: Path) -> None:
    other = another(home, tmp_path / "other")
    add_records(home)
    add_records(other)
    home.ingest()
    erase(home, CONTACT_ID)
    home.ingest()
    other.ingest()
    assert other.all_rows() == home.all_rows()


def test_later_records_of_an_erased_contact_are_erased(home: TemporaryHome) -> None:
    erase(home, CONTACT_ID)
    add_records(home)
    home.ingest()
    home.drop("conversations/late.jsonl", jsonl(CONVERSATION | {"id": "v3"}))
    home.ingest()
    assert traces(home.settings.home, CONTACT_ID) == set()
    assert len(set(home.rows("conversations", "contact"))) == 2


def test_the_same_list_is_not_applied_twice(home: TemporaryHome) -> None:
    add_records(home)
    home.ingest()
    erase(home, "other", CONTACT_ID)
    assert has_changes(home.settings)
    home.ingest()
    files = {path: path.stat().st_mtime_ns for path in home.settings.home.rglob("*.parquet")}
    erase(home, CONTACT_ID, "other", CONTACT_ID)
    assert not has_changes(home.settings)
    home.ingest()
    assert {path: path.stat().st_mtime_ns for path in home.settings.home.rglob("*.parquet")} == files


def test_only_files_with_the_contact_are_rewritten(home: TemporaryHome) -> None:
    home.drop("conversations/a.jsonl", jsonl(OTHERS["conversations"]))
    home.ingest()
    before = {path: path.stat().st_ino for path in home.settings.home.rglob("*.parquet")}
    home.drop("conversations/b.jsonl", jsonl(CONVERSATION))
    home.ingest()
    erase(home, CONTACT_ID)
    home.ingest()
    assert {path: path.stat().st_ino for path in before} == before


def test_an_erasure_killed_at_any_point_loses_nothing_and_the_next_run_completes_it(
    home: TemporaryHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_records(home)
    home.ingest()
    uninterrupted = another(home, tmp_path / "uninterrupted")
    add_records(uninterrupted)
    uninterrupted.ingest()
    erase(home, CONTACT_ID)
    uninterrupted.ingest()

    def counts(of: TemporaryHome) -> dict[str, int]:
        return {entity: len(rows) for entity, rows in of.all_rows().items()}

    replace, kills = files.replace, 0
    while has_changes(home.settings):
        left = itertools.count()

        def replace_or_die(written: Path, place: Path, left: itertools.count = left) -> None:
            if next(left) == 1:
                raise KeyboardInterrupt
            replace(written, place)

        monkeypatch.setattr(files, "replace", replace_or_die)
        try:
            home.ingest()
        except KeyboardInterrupt:
            kills += 1
        assert counts(home) == counts(uninterrupted)
    assert kills == 6
    assert home.all_rows() == uninterrupted.all_rows()


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
    home: TemporaryHome, contact: str, text: str, is_gone: bool
) -> None:
    home.drop("messages/a.jsonl", text)
    home.ingest()
    erase(home, contact)
    home.ingest()
    assert home.rejected("raw IS NULL") == [(is_gone,)]


def test_an_erasure_of_one_account_does_not_affect_another(home: TemporaryHome) -> None:
    (home.settings.seeds / "accounts.csv").write_text(
        "account_id,platform,time_zone\ndemo,activecampaign,Europe/Rome\nb,activecampaign,Europe/Rome\n"
    )
    for account in ("demo", "b"):
        home.drop("conversations/a.jsonl", jsonl(CONVERSATION, {"contact": CONTACT_ID}), account)
    home.ingest()
    erase(home, CONTACT_ID)
    home.ingest()
    assert [contact == CONTACT_ID for (contact,) in home.rows("conversations", "contact")] == [True, False]
    assert home.rejected("raw IS NULL") == [(False,), (True,)]


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
    home: TemporaryHome, line: str, complaint: str, capfd: pytest.CaptureFixture
) -> None:
    (home.settings.seeds / "erasures.csv").write_text(f"account_id,contact_id,requested_on\n{line}\n")
    with pytest.raises(SettingsError, match=r"erasures\.csv: line 2"):
        home.ingest()
    home.drop("agents/a.jsonl", jsonl({"id": 1}))
    assert run(home.settings) == 2
    error = capfd.readouterr().err
    assert complaint in error
    assert "Traceback" not in error


def test_an_unknown_contact_and_a_file_name_with_a_contact_are_reported_by_line(home: TemporaryHome) -> None:
    home.drop("conversations/a.jsonl", jsonl(CONVERSATION))
    home.drop(f"conversations/only {CONTACT_ID}.jsonl", jsonl(CONVERSATION | {"id": "v9"}))
    erase(home, CONTACT_ID, "stranger")
    home.ingest()
    warnings = erasure.list_warnings(home.settings, read_seeds(home.settings.seeds).erasures)
    assert [message.split(":")[0] for message in warnings] == ["erasures.csv line 3", "erasures.csv line 2"]
    assert "no record of account demo has this contact" in warnings[0]
    assert "in the name of 1 file of" in warnings[1]
    assert not any(contact in message for message in warnings for contact in (CONTACT_ID, "stranger"))


def test_a_rejected_text_is_removed_after_the_retention_time_and_its_reason_is_kept(
    home: TemporaryHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.drop("messages/a.jsonl", jsonl(MESSAGE | {"direction": "PRIVATE"}, MESSAGE))
    home.drop("messages/b.jsonl", '[{"id": "PRIVATE')
    home.ingest()
    kept = TemporaryHome(home.settings.home, project=home.settings.project, keep_rejected_days=30)
    before, rejections = kept.all_rows(), kept.rejected("file, line, field, remedy")
    assert not has_changes(kept.settings)

    today = datetime.now(UTC)
    monkeypatch.setattr(retention, "now", lambda: today + timedelta(days=29, hours=23))
    kept.ingest()
    assert kept.all_rows() == before
    monkeypatch.setattr(retention, "now", lambda: today + timedelta(days=30, hours=1))
    assert has_changes(kept.settings)
    assert not has_changes(home.settings)
    kept.ingest()

    assert not has_changes(kept.settings)
    assert kept.rejected("file, line, field, remedy") == rejections
    assert kept.rejected("value, raw") == [(None, None)] * 2
    assert kept.all_rows() | {"rejected": []} == before | {"rejected": []}
    assert traces(kept.settings.home, "PRIVATE") == set()


def test_records_older_than_the_retention_time_are_removed_and_remain_counted(
    home: TemporaryHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drop(into: TemporaryHome) -> None:
        for day in ("2026-03-31T23:59:59Z", "2026-04-01T00:00:00Z", "2026-05-09T00:00:00Z"):
            day_fields = {"id": day, "conversation": day}
            into.drop(f"conversations/{day[:10]}.jsonl", jsonl(day_fields | {"created_on": day}))
            into.drop(
                f"messages/{day[:10]}.jsonl", jsonl(day_fields | {"timestamp": day, "direction": "INBOUND"})
            )
            into.drop(f"surveys/{day[:10]}.jsonl", jsonl(day_fields | {"responded_on": day}))
        into.drop("surveys/timeless.jsonl", jsonl({"id": "t", "conversation": "t"}))
        into.drop("contacts/a.jsonl", jsonl({"id": "c", "created_on": "2020-01-01T00:00:00Z"}))

    settings = {"project": home.settings.project, "hash_key": home.settings.hash_key, "keep_raw_days": 30}
    first, second = (
        TemporaryHome(home.settings.home, **settings),
        TemporaryHome(tmp_path / "second", **settings),
    )
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
    assert first.all_rows() == second.all_rows()
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
    lines = [f"demo,{contact},2026-09-01\n" for contact in [*erased, "unknown-contact"]]
    (seeds / "erasures.csv").write_text("".join(["account_id,contact_id,requested_on\n", *lines]))
    settings = Settings(
        home=home, dagster=home / "dagster", project=project_with(seeds, tmp_path / "project")
    )

    assert run(settings) == 0

    assert figures(settings) == before
    assert traces(home, *erased, "unknown-contact") == set()
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
