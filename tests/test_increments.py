"""After every delivery, an incremental build gives the rows of a full build, for any order of records.

Belongs here: random exports that arrive in parts, and the comparison. Does not: the expected rows (see
`test_metrics`), nor when a build is incremental (see `test_pipeline`).
"""

import json
import random
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from orchestration.common.candidate_files import discard_candidate
from orchestration.ingest.pipeline import ingest
from orchestration.ingest.raw_store import compaction
from orchestration.publish.store import publish, rollback
from orchestration.settings import Settings
from orchestration.warehouse.candidate import builds, complete_build, completed_build
from orchestration.warehouse.inputs import current_inputs
from tests.chatwoot_exports import merge_contacts, random_files, random_history
from tests.conftest import dbt, project_with
from tests.random_exports import ACCOUNTS, random_account, write_seeds
from tests.whatsapp_cloud_exports import random_changes, random_stream, stream_files

MODELS = ["--resource-type", "seed", "--resource-type", "model"]
OTHER_PLATFORMS = {"shop": "chatwoot", "cloud": "whatsapp_cloud"}
SUMS = ("_sum", "_avg", "_median", "_p90")  # the order of the sum changes the last digits
BUILD_COLUMNS = ("batch_id", "ingested_at", "rejected_at", "build_id")
SINGLE_RECORDS = 6  # in the last two deliveries, three each
CHECKS = {"passed": [], "warned": []}


@pytest.fixture
def home(tmp_path):
    write_seeds(tmp_path / "seeds")
    with (tmp_path / "seeds" / "accounts.csv").open("a") as seed:
        seed.writelines(f"{account},{platform},UTC\n" for account, platform in OTHER_PLATFORMS.items())
    project = project_with(tmp_path / "seeds", tmp_path / "project")
    settings = Settings(home=tmp_path / "home", project=project, hash_key="the same key for all")
    settings.ensure_hash_key()
    return settings


@pytest.fixture
def full(home, tmp_path):
    """Return a second home with the same raw files, in which every build is a full build."""
    settings = home.model_copy(update={"home": tmp_path / "full"})
    settings.home.mkdir()
    for name in ("raw", "rejected", "hash_key"):
        (settings.home / name).symlink_to(home.home / name)
    return settings


def random_parts(rng):
    """Return random exports of all platforms as a list of (file, records), split and in random order.

    The last parts hold one record each: what they do not name must change too if it depends on them.
    """
    files = [
        (f"{account}/{entity}/{name}", records)
        for account in ACCOUNTS
        for entity, named in random_account(rng).items()
        for name, records in named.items()
    ]
    single = []
    for name, records in rng.sample([file for file in files if len(file[1]) > 1], k=SINGLE_RECORDS):
        record = records.pop(rng.randrange(len(records)))
        single.append((f"{name.removesuffix('.jsonl')}-single.jsonl", [record]))
    parts = []
    for name, records in files:
        cut = rng.randint(0, len(records)) if rng.random() < 0.5 else 0
        stem = name.removesuffix(".jsonl")
        parts += [(f"{stem}{n}.jsonl", part) for n, part in enumerate((records[:cut], records[cut:])) if part]
    history = merge_contacts(rng, random_history(rng))
    parts += [(f"shop/{name}", lines) for name, lines in random_files(rng, history).items()]
    events = random_stream(rng)
    events += random_changes(rng, events)
    for delivery in stream_files(rng, events, Path("cloud/webhooks")):
        parts += [(str(name).removesuffix(".gz"), envelopes) for name, envelopes in delivery]
    rng.shuffle(parts)
    return parts + single


def deliver(settings, parts):
    for name, records in parts:
        path = settings.landing_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(r, default=datetime.isoformat) + "\n" for r in records))
    ingest(settings)


def build(settings, *arguments):
    """Build the models like a run: with a full build if more than the batches changed."""
    inputs, last = current_inputs(settings), completed_build(settings)
    if last and not inputs.only_add_to(last.rules, last.batches):
        discard_candidate(settings)
    dbt(settings, "build", *MODELS, *arguments)
    complete_build(settings, inputs.fingerprint, inputs.rules, inputs.batches)


def change_working_hours(settings):
    seed = settings.seeds / "working_hours.csv"
    seed.write_text(seed.read_text().replace("09:00", "10:00"))


def published_rows(settings):
    """Return the sorted rows of every table of the candidate, without columns that differ between builds."""
    with duckdb.connect(settings.candidate_path, read_only=True) as con:
        columns = con.execute(
            """
            select schema_name || '.' || table_name, column_name from duckdb_columns()
            where schema_name in ('main', 'reporting') and not internal and column_name not in ?
            order by column_index""",
            [list(BUILD_COLUMNS)],
        ).fetchall()
        tables = {}
        for table, column in columns:
            shown = f"round({column}, 6)" if column.endswith(SUMS) else column
            tables.setdefault(table, []).append(f"{shown} as {column}")
        return {
            table: con.execute(f"select {', '.join(shown)} from {table} order by all").fetchall()
            for table, shown in sorted(tables.items())
        }


def assert_same_rows(incremental, full):
    for table, rows in published_rows(full).items():
        found = published_rows(incremental)[table]
        assert found == rows, (
            f"{table}: missing {[r for r in rows if r not in found][:3]},"
            f" unexpected {[r for r in found if r not in rows][:3]}"
        )


def parquet_rows(settings, release):
    """Return the ids and builds of the rows in the monthly Parquet files."""
    folder = settings.published_path / release.parquet
    return duckdb.execute(
        f"select message_id, build_id from '{folder}/fct_messages.parquet/*.parquet' union all"
        f" select conversation_id, build_id from '{folder}/fct_conversations.parquet/*.parquet' order by all"
    ).fetchall()


def candidate_rows(settings):
    with duckdb.connect(settings.candidate_path, read_only=True) as con:
        return con.execute(
            "select message_id, build_id from fct_messages union all"
            " select conversation_id, build_id from fct_conversations order by all"
        ).fetchall()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_an_incremental_build_gives_the_rows_of_a_full_build(home, full, monkeypatch, seed):
    monkeypatch.setattr(compaction, "MANY", 2)  # so that increments add to compacted files
    rng = random.Random(seed)
    parts = random_parts(rng)
    few = len(parts) - SINGLE_RECORDS
    cuts = [*sorted(rng.sample(range(1, few), 3)), few, few + SINGLE_RECORDS // 2]
    # Between deliveries, a check fails, a release is rolled back, and working hours change.
    steps = [
        "publish",
        *rng.sample(["publish", "fail", "publish and roll back", "change hours"], k=4),
        "publish",
    ]
    for begin, end, step in zip([0, *cuts], [*cuts, len(parts)], steps, strict=True):
        deliver(home, parts[begin:end])
        if step == "change hours":
            change_working_hours(home)
        build(home)
        build(full, "--full-refresh")
        assert_same_rows(home, full)
        if step != "fail":
            release = publish(home, CHECKS)
            assert parquet_rows(home, release) == candidate_rows(home)
        if step == "publish and roll back":
            rollback(home)
    changed = steps.index("change hours")
    assert [b.is_full for b in builds(home)] == [True] + [False] * (5 - changed)


@pytest.mark.slow
def test_the_window_of_a_conversation_without_a_contact_expires_in_an_incremental_build(home):
    def sent(number, conversation, contact, day):
        return {
            "id": number,
            "timestamp": f"2025-03-{day}T09:00:00Z",
            "conversation": conversation,
            "contact": contact,
            "direction": "INBOUND",
        }

    def expired():
        with duckdb.connect(home.candidate_path, read_only=True) as con:
            return con.execute(
                "select windows_expired from fct_conversations where source_conversation_id = 'c1'"
            ).fetchone()

    account = next(iter(ACCOUNTS))
    conversation = {"id": "c1", "created_on": "2025-03-03T09:00:00Z"}
    deliver(
        home,
        [
            (f"{account}/conversations/1.jsonl", [conversation]),
            (f"{account}/messages/1.jsonl", [sent("m1", "c1", None, "03")]),
        ],
    )
    build(home)
    assert expired() == (0,)
    deliver(home, [(f"{account}/messages/2.jsonl", [sent("m2", None, "7", "09")])])
    build(home)
    assert expired() == (1,)
    assert [b.is_full for b in builds(home)] == [True, False]
