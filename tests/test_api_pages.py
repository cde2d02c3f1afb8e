"""Several files of API pages in one batch: each record is read and counted for its file.

Belongs here: several files of pages. Does not: the format of a page (`test_ingest`).
"""

import json
from pathlib import Path

from conftest import project_with
from temporary_home import TemporaryHome, gz


def page(first: int, count: int, size: int) -> bytes:
    """Return a page of conversations, each with one message of `size` letters."""
    payload = [
        {
            "id": number,
            "created_at": 1_750_000_000,
            "messages": [
                {"id": number, "created_at": 1_750_000_000, "message_type": 0, "content": "x" * size}
            ],
        }
        for number in range(first, first + count)
    ]
    return json.dumps({"data": {"payload": payload}}).encode() + b"\n"


def test_the_records_of_api_pages_are_counted_for_their_file(tmp_path: Path):
    seeds = tmp_path / "seeds"
    seeds.mkdir()
    (seeds / "accounts.csv").write_text("account_id,platform,time_zone\ndemo,chatwoot,UTC\n")
    project = project_with(seeds, tmp_path / "project")
    home = TemporaryHome(tmp_path / "home", project=project, settle_seconds=0)
    home.drop("conversations/1.json.gz", gz(page(1, 32, 500)))
    home.drop("conversations/2.json.gz", gz(page(33, 40, 500) + page(73, 40, 500)))
    home.ingest()
    counts = home.ledger("entity, file, records_read, records_accepted")
    assert sorted(counts) == [
        ("conversations", "demo/conversations/1.json.gz", 32, 32),
        ("conversations", "demo/conversations/2.json.gz", 80, 80),
        ("messages", "demo/conversations/1.json.gz", 32, 32),
        ("messages", "demo/conversations/2.json.gz", 80, 80),
    ]
    lines = home.rows("messages", "_line, id", platform="chatwoot")
    assert lines == [(n, str(n)) for n in range(1, 33)] + [(n, str(n + 32)) for n in range(1, 81)]
