"""Randomly corrupted files of every format, and the assertions on their ingest.

Belongs here: generating and corrupting files, and the assertion that no record is lost. Does not: the number
of files and the random seeds (`test_corrupted_files`, `benchmarks/fuzz_ingest.py`).
"""

import csv
import io
import json
import random
import tempfile
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb
from temporary_home import TemporaryHome, gz, jsonl, zst

from orchestration.ingest.pipeline import IngestResult

FORMATS = ("jsonl", "array", "page", "pages", "csv", "semicolon", "parquet")
PACKINGS = {"": lambda content: content, ".gz": gz, ".zst": zst}
JUNK = [
    *(
        b"\x00",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\x1d",
        b"\x1e",
        b"\x1f",
        b"\x1f\x8b",
        b"PAR1",
        b"\x80",
    ),
    *(b'"', b'""', b"'", b"\\", b",", b";", b":", b"{", b"}", b"[", b"]", b"\n", b"\r", b"\r\n", b" ", b"\t"),
    *(
        b"null",
        b"NaN",
        b"-",
        b"1e999",
        b"9" * 40,
        b"\\u0000",
        b"\\ud800",
        b'"id": 7, ',
        b"01/02/2026",
        b"\xc3\xa8",
    ),
    *(b"[" * 2000, b"x" * 5000, b"\x00" * 600),
]


@dataclass(frozen=True)
class CorruptedFile:
    """A file to ingest.

    - `name`: with the extension of the format before the corruption
    - `good`: the number of unchanged records by id
    """

    name: str
    content: bytes
    good: Counter[str]


def corrupted_file(rng: random.Random, number: int) -> CorruptedFile:
    """Return a file of random format and size, corrupted in up to four places."""
    kind = rng.choice(FORMATS)
    records = _records(rng, number)
    packing = "" if kind == "parquet" else rng.choice([*PACKINGS, "", ""])
    suffix = {"array": "json", "page": "json", "pages": "json", "semicolon": "csv"}.get(kind, kind)
    plain = _parquet(rng.randrange(20)) if kind == "parquet" else _text(kind, records)
    before = after = plain
    packed = PACKINGS[packing](plain)
    for _ in range(rng.choice([0, 1, 1, 1, 2, 4])):
        if packing and rng.random() < 0.4:
            packed = _corrupt_bytes(rng, packed)
        else:
            after = (_corrupt_lines if rng.random() < 0.5 else _corrupt_bytes)(rng, after)
            packed = PACKINGS[packing](after)
    is_intact = packed == PACKINGS[packing](after)
    good = _unchanged_records(kind, before, after) if is_intact else Counter()
    return CorruptedFile(f"{number:06}-{kind}.{suffix}{packing}", packed, good)


def check_result(home: TemporaryHome, result: IngestResult, files: list[CorruptedFile]) -> None:
    """Assert that every record is accepted or rejected, and every unchanged record accepted."""
    assert result.skipped == []
    outcomes = {outcome.file.split("/")[-1]: outcome for outcome in result.files}
    assert outcomes.keys() == {file.name for file in files}
    accepted, rejected, ids = Counter(), Counter(), {name: Counter() for name in outcomes}
    for name, record in home.rows("conversations", "_file, id"):
        accepted[name.split("/")[-1]] += 1
        ids[name.split("/")[-1]][record] += 1
    for name, line, reason, remedy in home.rejected("file, line, reason, remedy"):
        assert reason, name
        assert remedy, name
        rejected[name.split("/")[-1]] += line is not None
    first = {outcome.file_id: name for name, outcome in sorted(outcomes.items(), reverse=True)}
    for file in files:
        outcome = outcomes[file.name]
        assert outcome.records_read == outcome.records_accepted + outcome.records_rejected, file.name
        assert (outcome.records_accepted, outcome.records_rejected) == (
            accepted[file.name],
            rejected[file.name],
        ), file.name
        found = ids[first[outcome.file_id]] if outcome.status == "duplicate" else ids[file.name]
        assert not file.good - found, (
            f"{file.name}: lost {file.good - found}, {outcome.status} {outcome.reason}"
        )


def _records(rng: random.Random, number: int) -> list[dict]:
    return [
        {
            "id": f"{number}-{index}",
            "created_on": rng.choice(
                ["2026-08-31T07:44:00+02:00", "2026-01-15 12:00", 1788162240, "1788162240.5"]
            ),
            "contact": rng.choice([None, 7, "7", ""]),
            "tags": rng.choice([None, [], [{"id": 3, "name": "late"}, {"id": 4, "name": 'say "hi"; è'}]]),
            "channel": rng.choice(["plain", "with, comma; and more", 'a "quoted" one', "è così", None]),
        }
        for index in range(rng.choice([1, 2, 5, 12]))
    ]


def _text(kind: str, records: list[dict]) -> bytes:
    match kind:
        case "jsonl":
            return jsonl(*records)
        case "array":
            return json.dumps(records, indent=1).encode()
        case "page":
            return json.dumps({"count": len(records), "results": records}).encode()
        case "pages":
            return jsonl(*({"results": [record]} for record in records))
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";" if kind == "semicolon" else ",", lineterminator="\n")
    writer.writerow(records[0])
    writer.writerows([json.dumps(v) if isinstance(v, list) else v for v in r.values()] for r in records)
    return out.getvalue().encode()


@cache
def _parquet(seed: int) -> bytes:
    records = _records(random.Random(seed), seed)
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "r.json"), Path(folder, "r.parquet")
        source.write_text(json.dumps([{**r, "created_on": str(r["created_on"])} for r in records]))
        duckdb.sql(f"COPY (FROM read_json('{source}', map_inference_threshold = -1)) TO '{target}'")
        return target.read_bytes()


def _corrupt_bytes(rng: random.Random, content: bytes) -> bytes:
    """Flip, truncate, insert, delete, duplicate or swap bytes."""
    at, length = rng.randint(0, len(content)), rng.choice([1, 1, 2, 8, 60])
    head, part, tail = content[:at], content[at : at + length], content[at + length :]
    match rng.choice(["flip", "cut", "junk", "out", "double", "swap"]):
        case "flip":
            return head + bytes(byte ^ rng.randint(1, 255) for byte in part) + tail
        case "cut":
            return head
        case "junk":
            return head + rng.choice(JUNK) + part + tail
        case "out":
            return head + tail
        case "double":
            return head + part + part + tail
    return tail + head + part


def _corrupt_lines(rng: random.Random, content: bytes) -> bytes:
    """Duplicate, delete, swap, truncate or join lines, change line ends, or insert junk."""
    lines = content.splitlines(keepends=True) or [b""]
    at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    match rng.choice(["double", "drop", "swap", "cut", "join", "junk", "end", "shift"]):
        case "double":
            lines.insert(other, lines[at])
        case "drop":
            del lines[at]
        case "swap":
            lines[at], lines[other] = lines[other], lines[at]
        case "cut":
            lines[at] = lines[at][: rng.randint(0, len(lines[at]))] + b"\n"
        case "join":
            lines[at] = lines[at].rstrip(b"\r\n")
        case "junk":
            lines.insert(at, rng.choice(JUNK) + b"\n")
        case "end":
            lines[at] = lines[at].rstrip(b"\n") + rng.choice([b"\r", b"\r\n", b"\n\n"])
        case "shift":
            lines[at] = rng.choice([b",", b";", b"x,", b'"']) + lines[at]
    return b"".join(lines)


def _unchanged_records(kind: str, before: bytes, after: bytes) -> Counter[str]:
    """Return the number of unchanged lines by id. Other formats only count if the file is unchanged."""
    if kind in ("csv", "semicolon"):
        header, *rows = before.split(b"\n")
        # Without the header the columns are unknown, and an unpaired quotation mark can join rows.
        first, *others = _lines(after) or [b""]
        if first != header or any(line.count(b'"') % 2 for line in others):
            return Counter()
        delimiter = b";" if kind == "semicolon" else b","
        kept = Counter(others)
        return Counter({row.split(delimiter)[0].decode(): kept[row] for row in rows if row and kept[row]})
    if kind == "jsonl":
        if after.startswith(b"PAR1"):  # the first bytes determine the format
            return Counter()
        kept = Counter(_lines(after))
        return Counter(
            {json.loads(line)["id"]: kept[line] for line in before.split(b"\n") if kept[line] and line}
        )
    if before != after or kind == "parquet":
        return Counter()
    text = json.loads(before) if kind in ("array", "page") else [json.loads(x) for x in before.splitlines()]
    pages = {
        "array": lambda: [text],
        "page": lambda: [text["results"]],
        "pages": lambda: [p["results"] for p in text],
    }
    return Counter(record["id"] for page in pages[kind]() for record in page)


def _lines(content: bytes) -> list[bytes]:
    content = content.removeprefix(b"\xef\xbb\xbf")
    return content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
