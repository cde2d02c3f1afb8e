"""Every kind of invalid input is rejected with its own reason, and valid records next to it are accepted."""

import json
from pathlib import Path

import pytest
from temporary_home import TemporaryHome, gz, jsonl, zst

from orchestration.ingest.loading import Loader, RecordCountError
from orchestration.ingest.parsing import file_bytes, readers

GOOD = {"id": "good", "timestamp": "2026-08-31T07:44:00+02:00", "direction": "INBOUND"}
GOOD_CSV = b"good,1788162240,INBOUND\n"
HEADER = b"id,timestamp,direction\n"


@pytest.fixture
def home(tmp_path: Path) -> TemporaryHome:
    return TemporaryHome(tmp_path)


def reject_one(home: TemporaryHome, name: str, content: bytes | str) -> tuple:
    """Ingest a file with one invalid record. Return the line, field and reason of its rejection."""
    home.drop(name, content)
    (file,) = home.ingest().files
    assert (file.status, file.records_rejected) == ("loaded", 1)
    assert file.records_read == file.records_accepted + 1 == len(home.rows(name.split("/")[0])) + 1
    ((line, field, reason, remedy, raw),) = home.rejected("line, field, reason, remedy, raw")
    assert remedy
    assert raw
    return line, field, reason


BAD_VALUES = [
    ({"id": None}, "id", "id is missing"),
    ({"id": ""}, "id", "id is missing"),
    ({"id": {"a": 1}}, "id", 'id "{"a":1}" is not a text'),
    ({"contact": [1]}, "contact", 'contact "[1]" is not a text'),
    ({"direction": "UP"}, "direction", 'direction "UP" is none of INBOUND, OUTBOUND'),
    ({"sent_by": [1]}, "sent_by", 'sent_by "[1]" is not an object'),
    ({"sent_by": {"id": [1]}}, "sent_by", "is not an object with a valid id"),
    ({"sent_by": {"id": 3.93e20}}, "sent_by", "is not an object with a valid id"),
    ({"timestamp": "soon"}, "timestamp", 'timestamp "soon" is not a time'),
    ({"timestamp": "2026-02-30"}, "timestamp", 'timestamp "2026-02-30" is an impossible time'),
    ({"timestamp": "2026-08-31T25:00:00Z"}, "timestamp", "is an impossible time"),
    ({"timestamp": "31/02/2026 07:44"}, "timestamp", "is an impossible time"),
    ({"timestamp": "1999-12-31T23:59:59Z"}, "timestamp", "not between 2000 and 2100"),
    ({"timestamp": "2100-01-01T00:00:00Z"}, "timestamp", "not between 2000 and 2100"),
    ({"timestamp": 1788162240000}, "timestamp", "milliseconds? write seconds"),
    ({"timestamp": 10**30}, "timestamp", "is not a time"),
    ({"timestamp": -5}, "timestamp", "is not a time between 2000 and 2100"),
    ({"timestamp": True}, "timestamp", 'timestamp "true" is not a time'),
    ({"read_on": "2026-08-31T07:44:00 Europe/Rome"}, "read_on", "is an impossible time"),
]


def test_an_invalid_value_is_rejected_with_its_field(home: TemporaryHome) -> None:
    bad = [{**GOOD, **change} for change, _, _ in BAD_VALUES]
    home.drop("messages/a.jsonl", jsonl(GOOD, *bad, GOOD))
    home.ingest()
    found = home.rejected("line, field, reason, remedy")
    assert [(line, field) for line, field, *_ in found] == [
        (line, field) for line, (_, field, _) in enumerate(BAD_VALUES, start=2)
    ]
    for (*_, reason, remedy), (_, _, expected) in zip(found, BAD_VALUES, strict=True):
        assert expected in reason
        assert remedy
    assert len(home.rows("messages")) == 2


@pytest.mark.parametrize(
    ("rating", "reason"),
    [
        (6, 'rating "6" is outside the scale 1 to 5'),
        (0, 'rating "0" is outside the scale 1 to 5'),
        (4.5, 'rating "4.5" is not a whole number'),
        ("abc", 'rating "abc" is not a whole number'),
    ],
)
def test_a_rating_must_be_a_whole_number_within_the_scale(
    home: TemporaryHome, rating: object, reason: str
) -> None:
    good = [{"id": n, "conversation": 1, "rating": value} for n, value in enumerate((4, "4", 4.0))]
    bad = {"id": 9, "conversation": 1, "rating": rating}
    assert reject_one(home, "surveys/a.jsonl", jsonl(*good, bad)) == (4, "rating", reason)
    assert home.rows("surveys", "rating") == [(4,), (4,), (4,)]


def test_a_list_with_invalid_elements_is_rejected(home: TemporaryHome) -> None:
    good = {"id": 1, "created_on": 1788162240}
    bad = {**good, "tags": [[1]]}
    line, field, reason = reject_one(home, "conversations/a.jsonl", jsonl(good, bad))
    assert (line, field, reason) == (2, "tags", 'tags "[[1]]" is not a list of objects with valid ids')


@pytest.mark.parametrize("part", [{"id": {"a": 1}}, {"id": True}, {"id": "a\n"}, {"id": [7], "name": "x"}])
def test_a_list_with_an_invalid_id_is_rejected(home: TemporaryHome, part: dict) -> None:
    good = {"id": 1, "created_on": 1788162240, "tags": [{"id": "1 x"}, {"name": "true"}, "Nan"]}
    line, field, reason = reject_one(
        home, "conversations/a.jsonl", jsonl(good, {**good, "tags": [{"id": 2}, part]})
    )
    assert (line, field) == (2, "tags")
    assert reason.endswith("is not a list of objects with valid ids")


BAD_LINES = [
    (b'{"id": 1,', "it is not valid JSON"),
    (b"hello", "it is not valid JSON"),
    (b'{"id": 1} {"id": 2}', "it is not valid JSON"),
    (b'{"id": "\x00"}', "it contains a NUL byte"),
    (b"[1]", "it is not a JSON object"),
    (b"null", "it is not a JSON object"),
    (b'{"id": "\xff"}', "it is not UTF-8"),
    (b'{"id": "\x1f"}', "it contains a control character"),
    (b'{"id": 1}\x1eleft out?', "it contains a control character"),
    ("\u00a0".encode(), "it is not valid JSON"),
    ("\u2028\u3000".encode(), "it is not valid JSON"),
]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_malformed_lines_are_rejected_and_the_lines_between_them_accepted(
    home: TemporaryHome, end: bytes
) -> None:
    good = json.dumps(GOOD).encode()
    home.drop("messages/a.jsonl", end.join(line for bad, _ in BAD_LINES for line in (good, b"", bad)))
    home.ingest()
    expected = [(3 * number, reason) for number, (_, reason) in enumerate(BAD_LINES, start=1)]
    assert home.rejected("line, reason") == expected
    assert home.rows("messages", "_line") == [(line - 2,) for line, _ in expected]


@pytest.mark.parametrize("first", [b"\n", b"\r\n", b"\r"])
def test_line_numbers_are_exact_with_mixed_line_ends_and_blank_lines(
    home: TemporaryHome, first: bytes
) -> None:
    record = json.dumps(GOOD).encode()
    content = record + first + record + b"\r\n" + record + b"\n\r\n" + record + b"\r \n" + b"bad\n\n" + record
    assert reject_one(home, "messages/a.jsonl", content) == (7, None, "it is not valid JSON")
    assert home.rows("messages", "_line") == [(1,), (2,), (3,), (5,), (9,)]


def test_a_record_above_the_maximum_length_is_rejected(
    home: TemporaryHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (file_bytes, readers):
        monkeypatch.setattr(module, "MAX_RECORD", 2**21)
    body = {**GOOD, "body": "x" * (2**21 - len(jsonl({**GOOD, "body": ""})) + 1)}
    longer = {**body, "body": body["body"] + "x"}
    far_longer = {**body, "body": body["body"] * 3}
    home.drop("messages/a.jsonl", jsonl(GOOD, body, longer, far_longer, GOOD))
    home.ingest()
    assert home.rejected("line, reason") == [(3, "it is longer than 2 MB"), (4, "it is longer than 2 MB")]
    assert home.rows("messages", "_line") == [(1,), (2,), (5,)]


def test_a_body_of_16_mb_is_accepted(home: TemporaryHome) -> None:
    home.drop("messages/a.jsonl", jsonl(GOOD, {**GOOD, "body": "x" * (16 * 2**20 - 200)}, GOOD))
    assert home.ingest().totals().records_accepted == 3


BAD_FILES = {
    "empty.jsonl": (b"", "it is empty"),
    "blank.jsonl": (b"\n \n", "it is empty"),
    "empty.jsonl.gz": (gz(b""), "it is empty"),
    "cut.jsonl.gz": (gz(jsonl(GOOD))[:-12], "its .gz archive is truncated"),
    "cut.jsonl.zst": (zst(jsonl(GOOD))[:-12], "its .zst archive is truncated"),
    "altered.csv.gz": (gz(HEADER + GOOD_CSV)[:-8] + bytes(8), "it is not a valid .gz archive"),
    "plain.jsonl.gz": (jsonl(GOOD), "it is not a valid .gz archive"),
    "plain.jsonl.zst": (jsonl(GOOD), "it is not a valid .zst archive"),
    "gzip.jsonl": (gz(jsonl(GOOD)), "wrong extension: it is gzip"),
    "sheet.csv": (b"PK\x03\x04...", "wrong extension: it is a zip archive or a spreadsheet"),
    "utf16.jsonl": (jsonl(GOOD).decode().encode("utf-16"), "wrong extension: it is UTF-16 text"),
    "array.jsonl": (json.dumps([GOOD, GOOD]).encode(), "wrong extension: not one record per line"),
    "arrays.jsonl": (
        json.dumps([GOOD, GOOD], indent=1).encode(),
        "wrong extension: not one record per line",
    ),
    "pretty.jsonl": (json.dumps(GOOD, indent=1).encode(), "wrong extension: not one record per line"),
    "csv.json": (HEADER + GOOD_CSV * 3, "wrong extension: it is not JSON"),
    "json.csv": (jsonl(GOOD), "wrong extension: it is JSON"),
    "json.parquet": (jsonl(GOOD), "wrong extension: it is not Parquet"),
    "json.txt": (jsonl(GOOD), "wrong extension: not a supported export format"),
    "json.parquet.gz": (jsonl(GOOD), "wrong extension: not a supported export format"),
    "cut.parquet": (b"PAR1" + bytes(100), "it cannot be read: No magic bytes found at end of file"),
    "cut-array.json": (json.dumps([GOOD, GOOD])[:-5].encode(), "it cannot be read: Malformed JSON"),
    "cut-page.json": (b'{"results": [{"id": 1}', "it cannot be read: Malformed JSON"),
    "more.json": (b'[{"id": 1}] and more', "it cannot be read: Malformed JSON"),
    "latin.json": (b'[{"id": "\xe9"}]', "it cannot be read: Malformed JSON"),
    "short.csv": (b"id,body\n1,2\n", "required columns are missing: timestamp, direction"),
    "late.csv": (b"\n" + HEADER + GOOD_CSV, "its first line has no column names"),
    "commas.csv": (b",,\n" + GOOD_CSV, "its first line has no column names"),
    "twice.csv": (b"id," + HEADER + GOOD_CSV, "its header names a column twice: id"),
}


def test_an_unreadable_file_is_rejected_as_a_whole_and_other_files_are_loaded(home: TemporaryHome) -> None:
    for name, (bad_content, _) in BAD_FILES.items():
        home.drop(f"messages/{name}", bad_content)
    fine = {**GOOD, "contact": "c1"}
    for number, position in enumerate(("0", "z"), start=1):
        home.drop(f"messages/{position}.jsonl", jsonl(*[fine] * number))
        home.drop(f"messages/{position}.json", json.dumps([fine] * number))
        home.drop(f"messages/{position}.csv", HEADER + GOOD_CSV * number)
    bad = {file.file.removeprefix("demo/messages/"): file for file in home.ingest().files if file.reason}
    reasons = {name: ": ".join(filter(None, (file.reason, file.value))) for name, file in bad.items()}
    assert {name: reasons[name][: len(reason)] for name, (_, reason) in BAD_FILES.items()} == {
        name: reason for name, (_, reason) in BAD_FILES.items()
    }
    assert all((file.status, file.records_read) == ("rejected", 0) for file in bad.values())
    rejected = home.rejected("file, reason, line, raw")
    assert rejected == sorted((file.file, reasons[name], None, None) for name, file in bad.items())
    assert None not in home.rejected("remedy")
    assert len(home.rows("messages")) == 9
    assert home.ingest().batch_id is None


def test_a_file_rejected_for_its_extension_is_loaded_after_it_is_renamed(home: TemporaryHome) -> None:
    path = home.drop("messages/a.csv", jsonl(GOOD))
    home.ingest()
    path.rename(path.with_suffix(".jsonl"))
    assert [file.status for file in home.ingest().files] == ["loaded"]


BAD_ROWS = [
    (b"1,1788162240\n", "it has 2 columns, the header 3"),
    (b"1,1788162240,INBOUND,more\n", "it has 4 columns, the header 3"),
    (b"1,1788162240,INBOUND,\n", "it has 4 columns, the header 3"),
    (b'1,"1788162240"x,INBOUND\n', "a quotation mark is out of place"),
    (b'1,"1788162240,INBOUND\n', "a quotation mark is out of place"),
    (b'1,"1788162240,INBOUND\r\n', "a quotation mark is out of place"),
    (b"1,\xe9,INBOUND\n", "it is not UTF-8"),
    (b"1,\x00,INBOUND\n", "it contains a NUL byte"),
]


@pytest.mark.parametrize("delimiter", [b",", b";"])
def test_an_invalid_row_of_a_csv_affects_no_other_row(home: TemporaryHome, delimiter: bytes) -> None:
    good = b'"good","1788162240",INBOUND\n\n'
    rows = HEADER + b"".join(bad + good for bad, _ in BAD_ROWS)
    home.drop("messages/a.csv", rows.replace(b",", delimiter))
    home.ingest()
    expected = [(3 * number - 1, reason) for number, (_, reason) in enumerate(BAD_ROWS, start=1)]
    assert home.rejected("line, reason") == expected
    assert home.rows("messages", "_line") == [(line + 1,) for line, _ in expected]


def test_two_unclosed_quotation_marks_affect_only_their_rows(home: TemporaryHome) -> None:
    opened = b'1,"1788162240,INBOUND\n'
    home.drop("messages/a.csv", HEADER + opened + GOOD_CSV + opened + GOOD_CSV)
    home.ingest()
    assert home.rejected("line") == [(2,), (4,)]
    assert home.rows("messages", "_line") == [(3,), (5,)]


def test_a_quotation_mark_inside_an_unquoted_value_is_part_of_it(home: TemporaryHome) -> None:
    home.drop("agents/a.csv", 'id,first_name\n1,5" screen\n2,Anna\n3,6" screen\n')
    home.ingest()
    assert home.rows("agents", "id, first_name") == [("1", '5" screen'), ("2", "Anna"), ("3", '6" screen')]


def test_an_element_that_is_not_an_object_is_rejected_alone(home: TemporaryHome) -> None:
    assert reject_one(home, "messages/a.json", json.dumps([GOOD, 5, GOOD])) == (
        2,
        None,
        "it is not a JSON object",
    )
    page = json.dumps({"results": [GOOD, GOOD, "x"]})
    home.drop("messages/b.json", page)
    home.ingest()
    assert home.rejected("line, reason")[-1] == (3, "it is not a JSON object")


def test_files_outside_the_folders_of_entities_are_reported_by_name_at_every_run(home: TemporaryHome) -> None:
    home.drop("agents/a.jsonl", jsonl({"id": 1}), account="stranger")
    home.drop("hopes/a.jsonl", jsonl({"id": 1}))
    home.drop("agents/deeper/a.jsonl", jsonl({"id": 1}))
    home.drop("stray.csv", "x")
    home.drop("../stray.csv", "x")
    home.drop("agents/good.jsonl", jsonl({"id": 1}))
    for result in (home.ingest(), home.ingest()):
        assert [message.split(":")[0] for message in result.skipped] == [
            "stray.csv",
            "demo/stray.csv",
            "demo/agents/deeper",
            "demo/hopes/",
            "stranger/",
        ]
        assert "add it to accounts.csv" in result.skipped[-1]
    assert [file for (file,) in home.ledger("file")] == ["demo/agents/good.jsonl"]


def test_a_lost_record_stops_the_ingest_without_a_commit(
    home: TemporaryHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.drop("agents/a.jsonl", jsonl({"id": 1}, {"id": 2}))
    for way in ("_certain", "_located"):
        typed = getattr(Loader, way)
        monkeypatch.setattr(
            Loader,
            way,
            lambda *args, t=typed: f"SELECT * FROM ({t(*args)}) WHERE _line <> 2",
        )
    with pytest.raises(RecordCountError, match=r"demo/agents/a.jsonl: 2 records read, but 1 accepted and 0"):
        home.ingest()
    monkeypatch.undo()
    assert home.rows("agents") == home.ledger() == []
    assert home.ingest().totals().records_accepted == 2


def test_a_line_that_the_reader_skips_stops_the_ingest(
    home: TemporaryHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.drop("agents/a.jsonl", jsonl({"id": 1}, {"id": 2}))
    lines, file_counts = readers._lines, readers._file_counts
    monkeypatch.setattr(readers, "_lines", lambda files: f"{lines(files)} WHERE NOT contains(line, '2')")
    monkeypatch.setattr(
        readers,
        "_file_counts",
        lambda records, *args: file_counts(f"FROM ({records}) WHERE NOT contains(_raw, '2')", *args),
    )
    with pytest.raises(RecordCountError, match=r"demo/agents/a.jsonl: 2 lines, but 1 were read"):
        home.ingest()
