"""An increment gives the rows and the release that a build from nothing gives, whatever came in which order.

Belongs here: random exports that arrive in parts, and the comparison. Does not: what the rows must be (see
`test_metrics`), nor when a run may build an increment (see `test_pipeline`).
"""

import json
import random
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from orchestration.ingest.pipeline import ingest
from orchestration.ingest.raw_store import compaction
from orchestration.publish.reader import reader
from orchestration.publish.store import publish
from orchestration.publish.tables import TABLES
from orchestration.settings import Settings
from tests.chatwoot_exports import random_files, random_history
from tests.conftest import dbt, project_with, rows_in
from tests.random_exports import ACCOUNTS, random_account, write_seeds
from tests.whatsapp_cloud_exports import random_stream, write_stream

MODELS = ["--resource-type", "seed", "--resource-type", "model"]
REPORT_INPUTS = ("reporting.rpt_conversations", "reporting.rpt_counts_by_day")
SUMS = ("_sum", "_avg", "_median", "_p90")  # added up in another order, they differ in the last digits


FOLDING = {"shop": "chatwoot", "cloud": "whatsapp_cloud"}  # accounts of platforms that tell a record in parts


def write_seeds_of_all_platforms(folder):
    write_seeds(folder)
    with (folder / "accounts.csv").open("a") as seed:
        seed.writelines(f"{account},{platform},UTC\n" for account, platform in FOLDING.items())


@pytest.fixture
def house(tmp_path):
    write_seeds_of_all_platforms(tmp_path / "seeds")
    project = project_with(tmp_path / "seeds", tmp_path / "project")
    settings = Settings(home=tmp_path / "home", project=project, hash_key="the same key for all")
    settings.ensure_hash_key()
    return settings


def deliveries(dice):
    """Return random exports as lists of (file, records), in the order of their coming."""
    files = [
        (f"{account}/{entity}/{name}", records)
        for account in ACCOUNTS
        for entity, named in random_account(dice).items()
        for name, records in named.items()
    ]
    # Late, out of order, and split anywhere: half of the files come in two parts.
    parts = []
    for name, records in files:
        cut = dice.randint(0, len(records)) if dice.random() < 0.5 else 0
        stem = name.removesuffix(".jsonl")
        parts += [(f"{stem}{n}.jsonl", part) for n, part in enumerate((records[:cut], records[cut:])) if part]
    dice.shuffle(parts)
    return parts


def deliver(settings, parts):
    for name, records in parts:
        path = settings.landing_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(r, default=datetime.isoformat) + "\n" for r in records))
    ingest(settings)


def marts(settings):
    """Return the rows of every mart, sorted, without the times at which they were made."""
    with duckdb.connect(settings.warehouse_path, read_only=True) as con:
        columns = con.execute("""
            select table_name, column_name from duckdb_columns()
            where schema_name = 'marts' and column_name not in ('batch_id', 'ingested_at', 'rejected_at')
            order by column_index""").fetchall()
        tables = {}
        for table, column in columns:
            shown = f"round({column}, 6)" if column.endswith(SUMS) else column
            tables.setdefault(table, []).append(f"{shown} as {column}")
        return {
            table: con.execute(f"select {', '.join(shown)} from marts.{table} order by all").fetchall()
            for table, shown in sorted(tables.items())
        }


def touched_messages(settings):
    """Return the messages that the increment says it made anew, and the same ones as the mart has them."""
    with duckdb.connect(settings.warehouse_path, read_only=True) as con:
        touched = "intermediate.int_touched_messages"
        return rows_in(con, touched), rows_in(
            con, f"(from marts.fct_messages where message_id in (select message_id from {touched}))"
        )


def release(settings):
    """Publish the candidate; return the rows of every table of the file and of the Parquet."""
    made = publish(settings, {})
    parquet = settings.published_path / made.parquet
    with reader(settings) as con, duckdb.connect() as outside:
        rows = {table: rows_in(con, table) for table in (*TABLES, *REPORT_INPUTS)}
        return rows, {table: rows_in(outside, f"'{parquet}/{table}.parquet'") for table in TABLES}


def deliveries_of_folding_platforms(dice):
    """The same of platforms of which late news changes what was told before: all comes in any order."""
    files = {f"shop/{name}": lines for name, lines in random_files(dice, random_history(dice)).items()}
    for lot in write_stream(dice, random_stream(dice), Path("cloud/webhooks")):
        files |= {str(name).removesuffix(".gz"): envelopes for name, envelopes in lot}
    parts = list(files.items())
    dice.shuffle(parts)
    return parts


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "seed"),
    [(deliveries, 1), (deliveries, 2), (deliveries, 3)]
    + [(deliveries_of_folding_platforms, seed) for seed in (1, 2, 3)],
)
def test_increments_give_the_rows_of_a_build_from_nothing(house, monkeypatch, make, seed):
    monkeypatch.setattr(compaction, "MANY", 2)  # so that what an increment adds to was compacted meanwhile
    dice = random.Random(seed)
    parts = make(dice)
    cuts = sorted(dice.sample(range(1, len(parts)), 4))
    for number, (begin, end) in enumerate(zip([0, *cuts], [*cuts, len(parts)], strict=True)):
        deliver(house, parts[begin:end])
        dbt(house, "build", *MODELS, *([] if number else ["--full-refresh"]))
        step = marts(house)
        if number:
            told, found = touched_messages(house)
            assert told == found
        grown, parquet = release(house)
    assert {table: grown[table] for table in parquet} == parquet
    assert grown == release(house)[0]
    dbt(house, "build", *MODELS, "--full-refresh")
    anew = marts(house)
    for table, rows in anew.items():
        assert step[table] == rows, table
