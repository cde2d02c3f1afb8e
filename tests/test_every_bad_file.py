"""Every way in which a file is known to be bad, each once, with what becomes of it.

Belongs here: one table, loaded in one go by the real ingest, so that each file also proves that its
neighbours harm it in nothing. Does not: what else ingest promises (`test_ingest`, `test_bad_input`).
"""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest
from house import House, gz, jsonl

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


class Bad(NamedTuple):
    """A bad file, and what must become of it.

    - `file`: its name, `content`: its bytes, or what writes them to a path
    - `accepted`: the ids that are loaded
    - `rejected`: line, reason and remedy of each refusal; line is None where the file is refused as a whole
    """

    file: str
    content: bytes | str | Callable[[Path], object]
    accepted: list[str]
    rejected: list[tuple[int | None, str, str]]


def record(number: object, **fields: object) -> dict:
    return {"id": number, "created_on": T, **fields}


def line(number: object, rest: str = "", created_on: object = f'"{T}"') -> bytes:
    return f'{{"id": {number}, "created_on": {created_on}{rest}}}\n'.encode()


def dated(*dates: object) -> bytes:
    return jsonl(*({"id": number, "created_on": date} for number, date in enumerate(dates, start=1)))


def csv_of(*rows: str, delimiter: str = ",") -> str:
    return "\n".join(["id,created_on,channel".replace(",", delimiter), *rows, ""])


def parquet(select: str) -> Callable[[Path], object]:
    return lambda path: duckdb.sql(f"COPY ({select}) TO '{path}' (FORMAT parquet)")


def whole(reason: str, remedy: str) -> list[tuple[None, str, str]]:
    return [(None, reason, remedy)]


def no_time(number: int, written: str, why: str) -> tuple[int, str, str]:
    return number, f'created_on "{written}" {why}', INSTANT


IMPOSSIBLE = "is an impossible time, or not between 2000 and 2100"
OUT_OF_RANGE = "is not a time between 2000 and 2100"
DEEP = "[" * 100_000 + "]" * 100_000

TABLE = {
    "a truncated gz": Bad(
        "truncated.jsonl.gz",
        gz(jsonl(*map(record, range(1000))))[:-500],
        [],
        whole("its .gz archive is truncated", "export or copy it again"),
    ),
    "a wrong extension": Bad(
        "wrong.csv",
        jsonl(record(1)) * 2,
        [],
        whole("wrong extension: it is JSON", "let its name end in .jsonl or .json"),
    ),
    "mixed line ends": Bad(
        "line_ends.jsonl", line(1).strip() + b"\r\n" + line(2).strip() + b"\r" + line(3), ["1", "2", "3"], []
    ),
    "invalid UTF-8": Bad(
        "latin.jsonl",
        line(1) + line(2, ', "channel": "è"').decode().encode("latin-1") + line(3),
        ["1", "3"],
        [(2, "it is not UTF-8", UTF8)],
    ),
    "UTF-16 without a mark": Bad(
        "utf16.csv",
        csv_of(f"1,{T},a").encode("utf-16-le"),
        [],
        whole("wrong extension: it is UTF-16 text", "save it as UTF-8"),
    ),
    "NUL bytes": Bad(
        "nul.csv",
        csv_of(f"1,{T},a", f"2\0,{T},a", "\0\0\0", f"3,{T},a"),
        ["1", "3"],
        [(3, "it contains a NUL byte", WITHOUT), (4, "it contains a NUL byte", WITHOUT)],
    ),
    "nothing but NUL bytes": Bad("hole.jsonl", bytes(4096), [], whole("it is empty", "export it again")),
    "a line of 200 MB": Bad(
        "long.jsonl",
        line(1) + line(2, f', "body": "{"x" * 200_000_000}"') + line(3),
        ["1", "3"],
        [(2, "it is longer than 16 MB", JSON_LINE)],
    ),
    "an array with an element of 200 MB": Bad(
        "long.json",
        json.dumps([record(1), record(2, body="x" * 200_000_000)]),
        [],
        whole("a record is too long", "export it again with one record per line"),
    ),
    "an object where an array is due": Bad(
        "object.json",
        json.dumps({"conversations": [record(1)]}),
        [],
        [(1, "id is missing", "every record must have it")],
    ),
    "an object where a list is due": Bad(
        "tag.jsonl", line(1, ', "tags": {"id": 1.0, "name": "x"}'), ["1"], []
    ),
    "deep nesting": Bad(
        "deep.jsonl",
        line(1, f', "unknown": {DEEP}') + line(2, f', "tags": {DEEP}') + DEEP.encode() + b"\n" + line(3),
        ["1", "3"],
        [
            (
                2,
                f'tags "{"[" * 80}" is not a list of objects',
                "write a JSON list of objects, or names separated by ;",
            ),
            (3, "it is not a JSON object", JSON_LINE),
        ],
    ),
    "duplicate keys": Bad(
        "twice.jsonl",
        line(1, ', "id": 2') + line(3, ', "unknown": 1, "unknown": 2') + line(4),
        ["3", "4"],
        [(1, "id occurs twice", "name each field once")],
    ),
    "numbers as strings": Bad("strings.jsonl", dated("1788162240", "1788162240.5"), ["1", "2"], []),
    "NaN": Bad(
        "nan.jsonl",
        line(1, ', "channel": NaN') + line("NaN") + line(3, ', "unknown": NaN') + line(4, created_on="NaN"),
        ["3"],
        [
            (1, 'channel "NaN" is not a value', "write null where there is no value"),
            (2, 'id "NaN" is not a valid id', ID),
            no_time(4, "NaN", "is not a time"),
        ],
    ),
    "empty strings for null": Bad(
        "empty_strings.jsonl",
        line(1, ', "contact": "", "tags": "", "closed_on": ""') + line('""'),
        ["1"],
        [(2, "id is missing", "every record must have it")],
    ),
    "unbalanced quotes": Bad(
        "quotes.csv",
        csv_of(f'1,{T},"a', f"2,{T},a", f'3,{T},"a"b', f'4,{T},"a;""b"""'),
        ["2", "4"],
        [(2, "a quotation mark is out of place", COLUMNS), (4, "a quotation mark is out of place", COLUMNS)],
    ),
    "shifted columns": Bad(
        "shifted.csv",
        csv_of(f"1,{T},a", f"2,{T}", f"3,x,{T},a", f"{T},4,a"),
        ["1"],
        [
            (3, "it has 2 columns, the header 3", COLUMNS),
            (4, "it has 4 columns, the header 3", COLUMNS),
            no_time(5, "4", OUT_OF_RANGE),
        ],
    ),
    "a header of other names": Bad(
        "names.csv",
        f"Number,Created\n1,{T}\n",
        [],
        whole("required columns are missing: id, created_on", API_NAMES),
    ),
    "a BOM": Bad("bom.csv", b"\xef\xbb\xbf" + csv_of(f"1,{T},a").encode(), ["1"], []),
    "semicolons and decimal commas": Bad(
        "comma.csv", csv_of("1,0;1788162240,5;a", "2;1788162240,25;a,b", delimiter=";"), ["1", "2"], []
    ),
    "two date orders": Bad(
        "orders.jsonl",
        dated("13/08/2026", "08/13/2026", "01/02/2026 10:00", "05/05/2026", T),
        ["1", "4", "5"],
        [
            no_time(2, "08/13/2026", "is a date with the month first; here the day comes first"),
            no_time(3, "01/02/2026 10:00", "is ambiguous: the file has dates in both orders"),
        ],
    ),
    "one date order": Bad("order.jsonl", dated("13/08/2026", "01/02/2026"), ["1", "2"], []),
    "times in the far past or future": Bad(
        "far.jsonl",
        dated("1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", 0, 99999999999, "2026-08-31T07:44:00+25:00"),
        [],
        [
            no_time(1, "1970-01-01T00:00:00Z", IMPOSSIBLE),
            no_time(2, "9999-12-31T23:59:59Z", IMPOSSIBLE),
            no_time(3, "0", OUT_OF_RANGE),
            no_time(4, "99999999999", f"{OUT_OF_RANGE}; milliseconds? write seconds"),
            no_time(5, "2026-08-31T07:44:00+25:00", IMPOSSIBLE),
        ],
    ),
    "the year 0": Bad("zero.jsonl", dated("0000-01-01"), [], [no_time(1, "0000-01-01", IMPOSSIBLE)]),
    "a time that spring skips": Bad("spring.jsonl", dated("2026-03-29 02:30:00"), ["1"], []),
    "a time that autumn has twice": Bad("autumn.jsonl", dated("2026-10-25 02:30:00"), ["1"], []),
    "an id as number and string": Bad(
        "ids.jsonl",
        b"".join(map(line, ("1", '"1"', "1.0", '" 1 "', '"007"', '"9007199254740993"', "9007199254740993"))),
        ["1", "1", "1", "1", "007", "9007199254740993", "9007199254740993"],
        [],
    ),
    "an id as a whole column of floats": Bad(
        "ids_float.csv", csv_of(f"1.0,{T},a", f"2.0,{T},a"), ["1", "2"], []
    ),
    "an id that lost its last digits": Bad(
        "ids_lost.csv",
        csv_of(f"9.00720E+15,{T},a", f"9007199254740992.0,{T},a"),
        [],
        [(2, 'id "9.00720E+15" is not a valid id', ID), (3, 'id "9007199254740992.0" is not a valid id', ID)],
    ),
    "ids as whole numbers in Parquet": Bad(
        "ids_int.parquet",
        parquet(f"SELECT 9007199254740993 AS id, '{T}' AS created_on"),
        ["9007199254740993"],
        [],
    ),
    "ids as floats in Parquet": Bad(
        "ids_double.parquet",
        parquet(f"SELECT unnest([1, 1e18])::DOUBLE AS id, '{T}' AS created_on"),
        ["1"],
        [(2, 'id "1e+18" is not a valid id', ID)],
    ),
    "ids as short floats in Parquet": Bad(
        "ids_float.parquet",
        parquet(f"SELECT 1::FLOAT AS id, '{T}' AS created_on"),
        [],
        whole(
            "its column id is of type FLOAT, in which long ids lose digits",
            "write id as a text or a whole number",
        ),
    ),
}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> tuple[House, IngestResult]:
    house = House(tmp_path_factory.mktemp("house"))
    for bad in TABLE.values():
        path = house.drop(f"conversations/{bad.file}", b"" if callable(bad.content) else bad.content)
        if callable(bad.content):
            bad.content(path)
    return house, house.ingest()


@pytest.mark.parametrize("way", TABLE)
def test_a_bad_file_is_refused_by_name_and_the_good_in_it_is_read(
    loaded: tuple[House, IngestResult], way: str
) -> None:
    house, result = loaded
    bad, name = TABLE[way], f"demo/conversations/{TABLE[way].file}"
    (file,) = (file for file in result.files if file.file == name)
    ids = [found for where, found in house.rows("conversations", "_file, id") if where == name]
    refusals = [row[1:] for row in house.rejected("file, line, reason, remedy") if row[0] == name]
    records = [refusal for refusal in bad.rejected if refusal[0] is not None]

    assert (ids, refusals) == (bad.accepted, bad.rejected)
    assert file.status == ("loaded" if records == bad.rejected else "rejected")
    assert (file.records_read, file.records_accepted, file.records_rejected) == (
        len(bad.accepted) + len(records),
        len(bad.accepted),
        len(records),
    )


def test_every_file_of_the_table_stands_in_it_once(loaded: tuple[House, IngestResult]) -> None:
    _, result = loaded
    assert sorted(file.file for file in result.files) == sorted(
        f"demo/conversations/{bad.file}" for bad in TABLE.values()
    )
    assert {file.status for file in result.files} == {"loaded", "rejected"}


def test_a_local_time_that_is_not_or_is_twice_is_taken_as_the_later_one(
    loaded: tuple[House, IngestResult],
) -> None:
    """02:30 does not exist on the spring night and is taken as 03:30; in autumn it is the second 02:30."""
    found = dict(loaded[0].rows("conversations", "_file, created_on"))
    assert found["demo/conversations/spring.jsonl"] == datetime(2026, 3, 29, 1, 30)
    assert found["demo/conversations/autumn.jsonl"] == datetime(2026, 10, 25, 1, 30)


def test_the_id_of_an_element_is_plain_too(loaded: tuple[House, IngestResult]) -> None:
    (tags,) = (tags for file, tags in loaded[0].rows("conversations", "_file, tags") if "tag.jsonl" in file)
    assert tags == [{"id": "1", "name": "x"}]


def test_a_boolean_is_true_or_false_in_few_words_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entity = Entity("flags", (Field("id", "id", required=True), Field("is_set", "boolean")))
    monkeypatch.setitem(PLATFORMS, "flagging", Platform("flagging", (entity,)))
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "accounts.csv").write_text("account_id,platform,time_zone\ndemo,flagging,UTC\n")
    (tmp_path / "seeds" / "csat_scales.csv").write_text("platform,rating_min,rating_max\n")
    house = House(tmp_path, project=tmp_path)
    good = [True, "Yes", 1, 1.0, " true ", False, "no", 0, "FALSE", 0.0, None, ""]
    bad = ["y", "on", "sì", 2, -1, [True], "true false"]
    house.drop("flags/a.jsonl", jsonl(*({"id": 1, "is_set": value} for value in good + bad)))
    house.drop("flags/b.csv", "id,is_set\n1,yes\n2,0\n3,maybe\n4,\n")
    house.ingest()
    values = [value for (value,) in house.rows("flags", "is_set", "flagging")]
    assert values == [True] * 5 + [False] * 5 + [None] * 2 + [True, False, None]
    refusals = house.rejected("reason, remedy")
    assert len(refusals) == len(bad) + 1
    assert refusals[-1] == (
        'is_set "maybe" is neither true nor false',
        "write true or false, yes or no, 1 or 0",
    )
