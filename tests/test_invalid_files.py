"""Every known kind of invalid file, with the expected result.

Belongs here: one table of files that a single ingest loads, so that no file affects another. Does not: other
behavior of the ingest (`test_ingest`, `test_bad_input`).
"""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest
from temporary_home import TemporaryHome, gz, jsonl

from orchestration.ingest.pipeline import IngestResult
from orchestration.ingest.platforms import PLATFORMS
from orchestration.ingest.platforms.schema import Entity, Field, Platform

T = "2026-08-31T07:44:00Z"
JSON_LINE = "write each record as one line of valid JSON in UTF-8"
COLUMNS = (
    "write as many columns as the header has; quote values that contain a delimiter, a line break or a"
    " quotation mark, and double the quotation marks inside"
)
UTF8 = "save the file as UTF-8 (in a spreadsheet: CSV UTF-8) and drop it again"
WITHOUT = "write the record without it"
INSTANT = "write ISO 8601 with an offset, as 2026-08-31T07:44:00+02:00, or unix seconds"
ID = "write it as a text, or as a whole number with all its digits"
API_NAMES = "add id, created_on, named as in the platform's API"


class InvalidFile(NamedTuple):
    """An invalid file and the expected result.

    - `file`: its name, `content`: its bytes, or a function that writes it to a path
    - `accepted`: the ids that are loaded
    - `rejected`: line, reason and remedy of each rejection; line is None if the whole file is rejected
    """

    file: str
    content: bytes | str | Callable[[Path], object]
    accepted: list[str]
    rejected: list[tuple[int | None, str, str]]


def record(number: object, **fields: object) -> dict:
    return {"id": number, "created_on": T, **fields}


def line(number: object, rest: str = "", created_on: object = f'"{T}"') -> bytes:
    return f'{{"id": {number}, "created_on": {created_on}{rest}}}\n'.encode()


def with_times(*dates: object) -> bytes:
    return jsonl(*({"id": number, "created_on": date} for number, date in enumerate(dates, start=1)))


def csv_of(*rows: str, delimiter: str = ",") -> str:
    return "\n".join(["id,created_on,channel".replace(",", delimiter), *rows, ""])


def parquet(select: str) -> Callable[[Path], object]:
    return lambda path: duckdb.sql(f"COPY ({select}) TO '{path}' (FORMAT parquet)")


def whole_file(reason: str, remedy: str) -> list[tuple[None, str, str]]:
    return [(None, reason, remedy)]


def invalid_time(number: int, written: str, why: str) -> tuple[int, str, str]:
    return number, f'created_on "{written}" {why}', INSTANT


IMPOSSIBLE = "is an impossible time, or not between 2000 and 2100"
OUT_OF_RANGE = "is not a time between 2000 and 2100"
DEEP = "[" * 100_000 + "]" * 100_000

TABLE = {
    "a truncated gz": InvalidFile(
        "truncated.jsonl.gz",
        gz(jsonl(*map(record, range(1000))))[:-500],
        [],
        whole_file("its .gz archive is truncated", "export or copy it again"),
    ),
    "a wrong extension": InvalidFile(
        "wrong.csv",
        jsonl(record(1)) * 2,
        [],
        whole_file("wrong extension: it is JSON", "let its name end in .jsonl or .json"),
    ),
    "mixed line ends": InvalidFile(
        "line_ends.jsonl", line(1).strip() + b"\r\n" + line(2).strip() + b"\r" + line(3), ["1", "2", "3"], []
    ),
    "invalid UTF-8": InvalidFile(
        "latin.jsonl",
        line(1) + line(2, ', "channel": "è"').decode().encode("latin-1") + line(3),
        ["1", "3"],
        [(2, "it is not UTF-8", UTF8)],
    ),
    "UTF-16 without a mark": InvalidFile(
        "utf16.csv",
        csv_of(f"1,{T},a").encode("utf-16-le"),
        [],
        whole_file("wrong extension: it is UTF-16 text", "save it as UTF-8"),
    ),
    "NUL bytes": InvalidFile(
        "nul.csv",
        csv_of(f"1,{T},a", f"2\0,{T},a", "\0\0\0", f"3,{T},a"),
        ["1", "3"],
        [(3, "it contains a NUL byte", WITHOUT), (4, "it contains a NUL byte", WITHOUT)],
    ),
    "only NUL bytes": InvalidFile(
        "hole.jsonl", bytes(4096), [], whole_file("it is empty", "export it again")
    ),
    "a line of 200 MB": InvalidFile(
        "long.jsonl",
        line(1) + line(2, f', "body": "{"x" * 200_000_000}"') + line(3),
        ["1", "3"],
        [(2, "it is longer than 16 MB", JSON_LINE)],
    ),
    "an array with an element of 200 MB": InvalidFile(
        "long.json",
        json.dumps([record(1), record(2, body="x" * 200_000_000)]),
        [],
        whole_file("a record is too long", "export it again with one record per line"),
    ),
    "an object instead of an array": InvalidFile(
        "object.json",
        json.dumps({"conversations": [record(1)]}),
        [],
        [(1, "id is missing", "every record must have it")],
    ),
    "an object instead of a list": InvalidFile(
        "tag.jsonl", line(1, ', "tags": {"id": 1.0, "name": "x"}'), ["1"], []
    ),
    "deep nesting": InvalidFile(
        "deep.jsonl",
        line(1, f', "unknown": {DEEP}') + line(2, f', "tags": {DEEP}') + DEEP.encode() + b"\n" + line(3),
        ["1", "3"],
        [
            (
                2,
                f'tags "{"[" * 80}" is not a list of objects with valid ids',
                "write a JSON list of objects, or names separated by ;",
            ),
            (3, "it is not a JSON object", JSON_LINE),
        ],
    ),
    "duplicate keys": InvalidFile(
        "twice.jsonl",
        line(1, ', "id": 2') + line(3, ', "unknown": 1, "unknown": 2') + line(4),
        ["3", "4"],
        [(1, "id occurs twice", "name each field once")],
    ),
    "numbers as strings": InvalidFile(
        "strings.jsonl", with_times("1788162240", "1788162240.5"), ["1", "2"], []
    ),
    "NaN": InvalidFile(
        "nan.jsonl",
        line(1, ', "channel": NaN') + line("NaN") + line(3, ', "unknown": NaN') + line(4, created_on="NaN"),
        ["3"],
        [
            (1, 'channel "NaN" is not a value', "write null where there is no value"),
            (2, 'id "NaN" is not a valid id', ID),
            invalid_time(4, "NaN", "is not a time"),
        ],
    ),
    "empty strings for null": InvalidFile(
        "empty_strings.jsonl",
        line(1, ', "contact": "", "tags": "", "closed_on": ""') + line('""'),
        ["1"],
        [(2, "id is missing", "every record must have it")],
    ),
    "unbalanced quotes": InvalidFile(
        "quotes.csv",
        csv_of(f'1,{T},"a', f"2,{T},a", f'3,{T},"a"b', f'4,{T},"a;""b"""'),
        ["2", "4"],
        [(2, "a quotation mark is out of place", COLUMNS), (4, "a quotation mark is out of place", COLUMNS)],
    ),
    "shifted columns": InvalidFile(
        "shifted.csv",
        csv_of(f"1,{T},a", f"2,{T}", f"3,x,{T},a", f"{T},4,a"),
        ["1"],
        [
            (3, "it has 2 columns, the header 3", COLUMNS),
            (4, "it has 4 columns, the header 3", COLUMNS),
            invalid_time(5, "4", OUT_OF_RANGE),
        ],
    ),
    "a header with other names": InvalidFile(
        "names.csv",
        f"Number,Created\n1,{T}\n",
        [],
        whole_file("required columns are missing: id, created_on", API_NAMES),
    ),
    "a BOM": InvalidFile("bom.csv", b"\xef\xbb\xbf" + csv_of(f"1,{T},a").encode(), ["1"], []),
    "semicolons and decimal commas": InvalidFile(
        "comma.csv", csv_of("1,0;1788162240,5;a", "2;1788162240,25;a,b", delimiter=";"), ["1", "2"], []
    ),
    "two date orders": InvalidFile(
        "orders.jsonl",
        with_times("13/08/2026", "08/13/2026", "01/02/2026 10:00", "05/05/2026", T),
        ["1", "4", "5"],
        [
            invalid_time(2, "08/13/2026", "is a date with the month first; here the day comes first"),
            invalid_time(3, "01/02/2026 10:00", "is ambiguous: the file has dates in both orders"),
        ],
    ),
    "one date order": InvalidFile("order.jsonl", with_times("13/08/2026", "01/02/2026"), ["1", "2"], []),
    "times in the far past or future": InvalidFile(
        "far.jsonl",
        with_times(
            "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", 0, 99999999999, "2026-08-31T07:44:00+25:00"
        ),
        [],
        [
            invalid_time(1, "1970-01-01T00:00:00Z", IMPOSSIBLE),
            invalid_time(2, "9999-12-31T23:59:59Z", IMPOSSIBLE),
            invalid_time(3, "0", OUT_OF_RANGE),
            invalid_time(4, "99999999999", f"{OUT_OF_RANGE}; milliseconds? write seconds"),
            invalid_time(5, "2026-08-31T07:44:00+25:00", IMPOSSIBLE),
        ],
    ),
    "the year 0": InvalidFile(
        "zero.jsonl", with_times("0000-01-01"), [], [invalid_time(1, "0000-01-01", IMPOSSIBLE)]
    ),
    "a local time that does not exist": InvalidFile(
        "spring.jsonl", with_times("2026-03-29 02:30:00"), ["1"], []
    ),
    "a local time that occurs twice": InvalidFile(
        "autumn.jsonl", with_times("2026-10-25 02:30:00"), ["1"], []
    ),
    "an id as number and string": InvalidFile(
        "ids.jsonl",
        b"".join(map(line, ("1", '"1"', "1.0", '" 1 "', '"007"', '"9007199254740993"', "9007199254740993"))),
        ["1", "1", "1", "1", "007", "9007199254740993", "9007199254740993"],
        [],
    ),
    "ids as a column of floats": InvalidFile(
        "ids_float.csv", csv_of(f"1.0,{T},a", f"2.0,{T},a"), ["1", "2"], []
    ),
    "an id without its last digits": InvalidFile(
        "ids_lost.csv",
        csv_of(f"9.00720E+15,{T},a", f"9007199254740992.0,{T},a"),
        [],
        [(2, 'id "9.00720E+15" is not a valid id', ID), (3, 'id "9007199254740992.0" is not a valid id', ID)],
    ),
    "ids as whole numbers in Parquet": InvalidFile(
        "ids_int.parquet",
        parquet(f"SELECT 9007199254740993 AS id, '{T}' AS created_on"),
        ["9007199254740993"],
        [],
    ),
    "ids as floats in Parquet": InvalidFile(
        "ids_double.parquet",
        parquet(f"SELECT unnest([1, 1e18])::DOUBLE AS id, '{T}' AS created_on"),
        ["1"],
        [(2, 'id "1e+18" is not a valid id', ID)],
    ),
    "ids as short floats in Parquet": InvalidFile(
        "ids_float.parquet",
        parquet(f"SELECT 1::FLOAT AS id, '{T}' AS created_on"),
        [],
        whole_file(
            "its column id is of type FLOAT, in which long ids lose digits",
            "write id as a text or a whole number",
        ),
    ),
}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> tuple[TemporaryHome, IngestResult]:
    home = TemporaryHome(tmp_path_factory.mktemp("home"))
    for bad in TABLE.values():
        path = home.drop(f"conversations/{bad.file}", b"" if callable(bad.content) else bad.content)
        if callable(bad.content):
            bad.content(path)
    return home, home.ingest()


@pytest.mark.parametrize("case", TABLE)
def test_a_bad_file_is_rejected_by_name_and_its_good_records_are_loaded(
    loaded: tuple[TemporaryHome, IngestResult], case: str
) -> None:
    home, result = loaded
    bad, name = TABLE[case], f"demo/conversations/{TABLE[case].file}"
    (file,) = (file for file in result.files if file.file == name)
    ids = [found for where, found in home.rows("conversations", "_file, id") if where == name]
    rejections = [row[1:] for row in home.rejected("file, line, reason, remedy") if row[0] == name]
    records = [rejection for rejection in bad.rejected if rejection[0] is not None]

    assert (ids, rejections) == (bad.accepted, bad.rejected)
    assert file.status == ("loaded" if records == bad.rejected else "rejected")
    assert (file.records_read, file.records_accepted, file.records_rejected) == (
        len(bad.accepted) + len(records),
        len(bad.accepted),
        len(records),
    )


def test_every_file_of_the_table_is_loaded_once(loaded: tuple[TemporaryHome, IngestResult]) -> None:
    _, result = loaded
    assert sorted(file.file for file in result.files) == sorted(
        f"demo/conversations/{bad.file}" for bad in TABLE.values()
    )
    assert {file.status for file in result.files} == {"loaded", "rejected"}


def test_an_invalid_or_ambiguous_local_time_is_the_later_one(
    loaded: tuple[TemporaryHome, IngestResult],
) -> None:
    """02:30 does not exist in spring and is parsed as 03:30. In autumn it is the second 02:30."""
    found = dict(loaded[0].rows("conversations", "_file, created_on"))
    assert found["demo/conversations/spring.jsonl"] == datetime(2026, 3, 29, 1, 30)
    assert found["demo/conversations/autumn.jsonl"] == datetime(2026, 10, 25, 1, 30)


def test_the_id_of_a_list_element_is_normalized(loaded: tuple[TemporaryHome, IngestResult]) -> None:
    (tags,) = (tags for file, tags in loaded[0].rows("conversations", "_file, tags") if "tag.jsonl" in file)
    assert tags == [{"id": "1", "name": "x"}]


def test_a_boolean_has_a_few_spellings_and_others_are_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entity = Entity("flags", (Field("id", "id", required=True), Field("is_set", "boolean")))
    monkeypatch.setitem(PLATFORMS, "flagging", Platform("flagging", (entity,)))
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "accounts.csv").write_text("account_id,platform,time_zone\ndemo,flagging,UTC\n")
    (tmp_path / "seeds" / "csat_scales.csv").write_text("platform,rating_min,rating_max\n")
    home = TemporaryHome(tmp_path, project=tmp_path)
    good = [True, "Yes", 1, 1.0, " true ", False, "no", 0, "FALSE", 0.0, None, ""]
    bad = ["y", "on", "sì", 2, -1, [True], "true false"]
    home.drop("flags/a.jsonl", jsonl(*({"id": 1, "is_set": value} for value in good + bad)))
    home.drop("flags/b.csv", "id,is_set\n1,yes\n2,0\n3,maybe\n4,\n")
    home.ingest()
    values = [value for (value,) in home.rows("flags", "is_set", "flagging")]
    assert values == [True] * 5 + [False] * 5 + [None] * 2 + [True, False, None]
    rejections = home.rejected("reason, remedy")
    assert len(rejections) == len(bad) + 1
    assert rejections[-1] == (
        'is_set "maybe" is neither true nor false',
        "write true or false, yes or no, 1 or 0",
    )
