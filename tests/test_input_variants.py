"""Variants of the same export from spreadsheets, databases and programs, which are parsed alike.

Belongs here: valid variants. Does not: rejected input (`test_bad_input`).
"""

import json
import shutil
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from temporary_home import TemporaryHome, gz, jsonl

from orchestration.ingest.parsing import surrogates
from orchestration.settings import PROJECT

T = "2026-08-31T07:44:00Z"
REPLACEMENT = "\ufffd"


@pytest.fixture
def home(tmp_path: Path) -> TemporaryHome:
    return TemporaryHome(tmp_path)


def outcome(home: TemporaryHome, name: str, content: bytes | str) -> tuple[int, int, list[str]]:
    """Ingest a conversations file. Return the records read and rejected, and the ids of the accepted ones."""
    home.drop(f"conversations/{name}", content)
    (file,) = home.ingest().files
    assert file.status == "loaded", file
    return file.records_read, file.records_rejected, [i for (i,) in home.rows("conversations", "id")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_byte_order_marks_of_joined_files_are_ignored(home: TemporaryHome, name: str, end: str) -> None:
    joined = end.join(f'\ufeff{{"id": "{n}", "created_on": "{T}"}}' for n in range(3)).encode()
    assert outcome(home, name, gz(joined) if name.endswith(".gz") else joined) == (3, 0, ["0", "1", "2"])


# Lone surrogates

LONE = [r"cut \ud83d", r"\ude00 cut", r"\ud83d\ud83d\ude00", r"\uD83Dx", r"\\\ud83d"]
PAIRED = [r"\ud83d\ude00", r"\\ud83d", r"\\\ud83d\ude00", "\U0001f600"]


def records_with(texts: list[str]) -> list[str]:
    return [f'{{"id": {n}, "created_on": "{T}", "body": "{text}"}}' for n, text in enumerate(texts)]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.json", "a.json.gz", "page.json"])
def test_a_lone_surrogate_in_an_ignored_text_rejects_no_record(home: TemporaryHome, name: str) -> None:
    records = records_with(LONE + PAIRED)
    joined = "\n".join(records) if ".jsonl" in name else f"[{', '.join(records)}]"
    content = (f'{{"results": {joined}}}' if name == "page.json" else joined).encode()
    ids = [str(n) for n in range(len(records))]
    assert outcome(home, name, gz(content) if name.endswith(".gz") else content) == (len(ids), 0, ids)


def test_only_lone_surrogates_of_an_ingested_text_are_replaced(home: TemporaryHome) -> None:
    lines = [line.replace("body", "channel") for line in records_with(LONE + PAIRED)]
    home.drop("conversations/a.jsonl", "\n".join(lines))
    home.drop(
        "conversations/bytes.json", b'[{"id": 99, "created_on": 1788162240, "channel": "\xed\xa0\xbd."}]'
    )
    home.ingest()
    smile = "\U0001f600"
    assert [channel for (channel,) in home.rows("conversations", "channel")] == [
        *(
            f"cut {REPLACEMENT}",
            f"{REPLACEMENT} cut",
            f"{REPLACEMENT}{smile}",
            f"{REPLACEMENT}x",
            f"\\{REPLACEMENT}",
        ),
        *(smile, r"\ud83d", f"\\{smile}", smile),
        f"{REPLACEMENT}.",
    ]


def test_a_surrogate_pair_across_two_blocks_is_kept(
    home: TemporaryHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surrogates, "BLOCK", 7)
    content = f"[{', '.join(records_with([*PAIRED, *LONE])).replace('body', 'channel')}]"
    home.drop("conversations/a.json", content)
    home.ingest()
    channels = [channel for (channel,) in home.rows("conversations", "channel")]
    assert channels[:4] == ["\U0001f600", r"\ud83d", "\\\U0001f600", "\U0001f600"]
    assert all(REPLACEMENT in channel for channel in channels[4:])


# Spreadsheets

HEADER = "id;created_on;contact;status"


@pytest.mark.parametrize("blank", [";;;", ";;;;;;", '"";"";"";""', " ; ;\xa0;\t", '"";', '" ";;"\n";'])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_row_without_any_value_is_not_a_record(home: TemporaryHome, blank: str, end: str) -> None:
    rows = [HEADER, f"1;{T};1;NEW", blank, f"2;{T};1;NEW", blank, blank]
    assert outcome(home, "a.csv", end.join(rows)) == (2, 0, ["1", "2"])
    assert home.rows("conversations", "_line")[0] == (2,)


def test_a_row_with_a_single_value_is_a_record(home: TemporaryHome) -> None:
    assert outcome(home, "a.csv", f"{HEADER}\n1;{T};1;NEW\n;;;x\n") == (2, 1, ["1"])


@pytest.mark.parametrize("ends", [";", ";;", '; ;""'])
def test_unnamed_columns_at_the_end_of_a_header_are_ignored(home: TemporaryHome, ends: str) -> None:
    width = ends.count(";")
    rows = [f"{HEADER}{ends}", f"1;{T};1;NEW{';' * width}", f"2;{T};1;NEW", f"3;{T};1;NEW{';' * (width + 1)}"]
    assert outcome(home, "a.csv", "\n".join(rows)) == (3, 1, ["1", "2"])
    assert home.ledger("unknown_fields") == [([],)]


@pytest.mark.parametrize(
    ("first", "delimiter"),
    [("sep=;\r\n", ";"), ("SEP=,\r\n", ","), ('"sep=\t"\n', "\t"), ("sep=|\n", "|"), ("", "\t")],
)
@pytest.mark.parametrize("text", ["plain", 'with "quotes" in it', "of two\nlines"])
def test_the_delimiter_is_declared_in_the_first_line_or_detected_in_the_header(
    home: TemporaryHome, first: str, delimiter: str, text: str
) -> None:
    quoted = '"' + text.replace('"', '""') + '"'
    rows = [["id", "created_on", "channel", "tags"], ["1", T, quoted, '"a,b"'], ["2", T, "x", "late"]]
    content = first + "\n".join(delimiter.join(row) for row in rows)
    assert outcome(home, "a.csv", content) == (2, 0, ["1", "2"])
    lines = 2 + bool(first)
    assert home.rows("conversations", "_line, channel, tags[1].name") == [
        (lines, text, "a,b"),
        (lines + 1 + text.count("\n"), "x", "late"),
    ]


def test_a_header_is_case_insensitive(home: TemporaryHome) -> None:
    path = home.drop("conversations/a.parquet", b"")
    duckdb.sql(f'COPY (SELECT 7 AS "ID", \'{T}\' AS "Created_On", 1 AS "Novel") TO \'{path}\'')
    home.drop("conversations/a.csv", f"ID;Created_On;CONTACT;id_\n1;{T};c1;x\n")
    home.drop("conversations/b.csv", f"id,ID,created_on\n2,x,{T}\n")
    home.ingest()
    assert home.rows("conversations", "id, contact") == [("1", "c1"), ("7", None), ("2", None)]
    assert home.ledger("unknown_fields") == [(["id_"],), (["Novel"],), (["ID"],)]


def test_a_line_of_another_encoding_is_rejected_with_a_remedy(home: TemporaryHome) -> None:
    home.drop("conversations/a.csv", f"{HEADER}\n1;{T};caf\xe9;NEW\n2;{T};1;NEW\n".encode("cp1252"))
    home.ingest()
    ((line, reason, remedy),) = home.rejected("line, reason, remedy")
    assert (line, reason) == (2, "it is not UTF-8")
    assert "UTF-8" in remedy
    assert "columns" not in remedy


# Times

NINE = datetime(2025, 3, 3, 9, 0)
TIMES = [
    "2025-03-03 09:00:00 UTC",
    "2025-03-03 09:00 utc",
    "2025-03-03 09:00:00.000 +0000",
    "2025-03-03 10:00:00 +01:00",
    "2025-03-03 04:30:00,000 -0430",
    "2025-03-03 10:00 GMT+0100",
    "2025-03-03T09:00:00.000000001Z",
    "2025-03-03T09:00:00.000000001 +0000",
    "2025-03-03t09:00:00z",
    "03/03/2025 09:00 UTC",
    "3/3/2025 10:00 AM",  # local time in Rome, like the next ones
    "3/3/2025, 10:00:00\u202fAM",
    "2025-03-03 10:00 a.m.",
    "2025-03-03 9:00:00AM +0000",
    "2025-03-03 10:00",
    "2025-03-03 9:00 +0000",
]
WRONG_TIMES = [
    ("Mon Mar 03 2025 09:00:00 GMT+0000", "is a date in words, which is not supported"),
    ("2025-03-03 09:00 EST", "has an unsupported time zone"),
    ("2025-03-03 13:00 PM", "is an impossible time, or not between 2000 and 2100"),
    ("2025-03-03 09:00 +15:00", "is an impossible time, or not between 2000 and 2100"),
    ("2025-02-30 09:00 UTC", "is an impossible time, or not between 2000 and 2100"),
    ("2025-03-03-05:00", "is not a time"),
    ("3/14/2025 9:00 AM", "is a date with the month first; here the day comes first"),
]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_every_format_of_a_time_is_parsed(home: TemporaryHome, name: str) -> None:
    rows = [f'{n};"{time}"' for n, time in enumerate(TIMES)]
    lines = [{"id": n, "created_on": time} for n, time in enumerate(TIMES)]
    content = "\n".join(["id;created_on", *rows]).encode() if name == "a.csv" else jsonl(*lines)
    home.drop(f"conversations/{name}", content)
    home.ingest()
    assert home.rejected() == []
    assert home.rows("conversations", "created_on") == [(NINE,)] * len(TIMES)


def test_an_unsupported_time_is_rejected_with_its_reason(home: TemporaryHome) -> None:
    lines = [{"id": n, "created_on": time} for n, (time, _) in enumerate(WRONG_TIMES)]
    home.drop("conversations/a.jsonl", jsonl(*lines))
    home.ingest()
    assert home.rejected("reason") == [(f'created_on "{time}" {why}',) for time, why in WRONG_TIMES]


def test_noon_and_midnight_on_a_12_hour_clock(home: TemporaryHome) -> None:
    lines = [{"id": n, "created_on": f"2025-03-03 12:30 {half}M UTC"} for n, half in enumerate("AP")]
    home.drop("conversations/a.jsonl", jsonl(*lines))
    home.ingest()
    assert [at.hour for (at,) in home.rows("conversations", "created_on")] == [0, 12]


# Envelopes


def test_unknown_fields_of_an_envelope_are_counted_at_every_level(tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "seeds", tmp_path / "seeds")
    for name in ("working_hours", "holidays", "sla_targets"):
        header = (tmp_path / "seeds" / f"{name}.csv").read_text().splitlines()[0]
        (tmp_path / "seeds" / f"{name}.csv").write_text(header + "\n")
    (tmp_path / "seeds" / "accounts.csv").write_text(
        "account_id,platform,time_zone\nshop,whatsapp_cloud,UTC\n"
    )
    home = TemporaryHome(tmp_path / "home", project=tmp_path)
    message = {"id": "m1", "timestamp": "1788162240", "from": "39333", "type": "text", "novel": 1}
    value = {"metadata": {"phone_number_id": "1"}, "messages": [message], "calls": [{"id": "c1"}]}
    envelope = {
        "object": "whatsapp_business_account",
        "signature": "x",
        "entry": [{"id": "1", "region": "eu", "changes": [{"field": "messages", "value": value, "v": 2}]}],
    }
    home.drop("webhooks/a.jsonl", jsonl(envelope), "shop")
    home.drop("webhooks/b.json", json.dumps([envelope]), "shop")
    result = home.ingest()
    unknown = ["novel", "entry.changes.v", "entry.changes.value.calls", "entry.region", "signature"]
    found = [(f.file, f.unknown_fields) for f in result.files if f.unknown_fields]
    assert found == [("shop/webhooks/a.jsonl", unknown), ("shop/webhooks/b.json", unknown)]


def test_unknown_fields_of_an_api_page_are_counted(home: TemporaryHome) -> None:
    record = {"id": 1, "created_on": T, "novel": 1}
    home.drop("conversations/a.json", json.dumps({"results": [record], "count": 1, "cursor": "x"}))
    home.drop("conversations/b.json", json.dumps({"data": {"payload": [record], "links": {}}}))
    home.ingest()
    assert home.ledger("unknown_fields") == [(["novel", "cursor"],), (["novel", "data.links"],)]
