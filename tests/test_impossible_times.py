"""Messages with a time more than a day after their file was first ingested are rejected."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from temporary_home import TemporaryHome, jsonl

from orchestration.ingest.pipeline import ingest
from orchestration.ingest.raw_store import ledger
from orchestration.ingest.raw_store.replay import ReplaySelection

NOW = datetime.now(UTC)
REASON = "is more than 24 hours after its file was first ingested"


def message(number: int, at: datetime, **more: object) -> dict:
    return {"id": number, "timestamp": at.isoformat(), "direction": "INBOUND", **more}


@pytest.fixture
def home(tmp_path: Path) -> TemporaryHome:
    return TemporaryHome(tmp_path)


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_a_message_within_the_next_day_is_accepted_and_a_later_one_rejected(
    home: TemporaryHome, name: str
) -> None:
    messages = [message(1, NOW + timedelta(hours=23)), message(2, NOW + timedelta(hours=25)), message(3, NOW)]
    rows = ["id,timestamp,direction", *(f"{m['id']},{m['timestamp']},INBOUND" for m in messages)]
    home.drop(f"messages/{name}", jsonl(*messages) if name == "a.jsonl" else "\n".join(rows))
    (file,) = home.ingest().files
    assert (file.records_read, file.records_accepted, file.records_rejected) == (3, 2, 1)
    assert [i for (i,) in home.rows("messages", "id")] == ["1", "3"]
    ((line, field, reason),) = home.rejected("line, field, reason")
    assert (line, field) == (2 + (name == "a.csv"), "timestamp")
    assert reason == f'timestamp "{messages[1]["timestamp"]}" {REASON}'


def test_only_the_time_of_a_message_is_limited(home: TemporaryHome) -> None:
    later = NOW + timedelta(days=300)
    home.drop("messages/a.jsonl", jsonl(message(1, NOW, read_on=later.isoformat())))
    home.drop("conversations/a.jsonl", jsonl({"id": 1, "created_on": later.isoformat()}))
    home.ingest()
    assert home.rejected() == []


def test_a_replay_keeps_the_time_of_the_first_ingestion(home: TemporaryHome) -> None:
    """A message that is rejected as too late is still rejected in a replay two days later."""
    home.drop("messages/a.jsonl", jsonl(message(1, NOW - timedelta(hours=1)), message(2, NOW)))
    home.ingest()
    (path,) = ledger.parquet_files(ledger.ledger_folder(home.settings))
    two_days_ago = "ingested_at - INTERVAL 2 DAYS AS ingested_at"
    rows = duckdb.sql(f"SELECT * REPLACE ({two_days_ago}) FROM read_parquet('{path}')").arrow().read_all()
    duckdb.from_arrow(rows).write_parquet(str(path))
    ((before,),) = home.ledger("ingested_at")
    ingest(home.settings, replay_selection=ReplaySelection(everything=True))
    assert home.ledger("records_accepted, records_rejected, ingested_at") == [(0, 2, before)]
    home.drop("messages/b.jsonl", jsonl(message(2, NOW)))
    assert home.ingest().totals().records_accepted == 1
