"""Corrupted files of any format: no crash, every record counted, and no unchanged record lost.

Belongs here: random cases with hypothesis. Does not: the corruption (`corrupted_files`), nor large numbers of
files (`benchmarks/fuzz_ingest.py`).
"""

import random
import tempfile
from pathlib import Path

import pytest
from corrupted_files import CorruptedFile, check_result, corrupted_file
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from temporary_home import TemporaryHome

from orchestration.ingest.loading import Group

FILES = 25


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@example(seed=1)
@given(seed=st.integers(0, 2**32))
def test_corrupted_files_lose_no_unchanged_record(seed: int) -> None:
    rng = random.Random(seed)
    files = [corrupted_file(rng, number) for number in range(FILES)]
    with tempfile.TemporaryDirectory() as folder:
        home = TemporaryHome(Path(folder))
        for file in files:
            home.drop(f"conversations/{file.name}", file.content)
        check_result(home, home.ingest(), files)
        assert home.ingest().batch_id is None


def test_the_assertion_detects_a_lost_record(tmp_path: Path) -> None:
    home = TemporaryHome(tmp_path)
    files = [file for file in (corrupted_file(random.Random(seed), seed) for seed in range(20)) if file.good]
    lost = files[0]
    files[0] = CorruptedFile(lost.name, lost.content, lost.good + type(lost.good)(["never loaded"]))
    for file in files:
        home.drop(f"conversations/{file.name}", file.content)
    with pytest.raises(AssertionError, match="lost Counter"):
        check_result(home, home.ingest(), files)


# JSON values of a field, valid and invalid.
VALUES = [
    *(
        "null",
        "true",
        "1",
        "1.0",
        "-0",
        "1e3",
        "12345678901234567.0",
        "NaN",
        "-Infinity",
        "nan",
        "1788162240",
    ),
    *(
        '"NaN"',
        '""',
        '" "',
        '"a"',
        '" 1 "',
        '"1.0"',
        '"[x]"',
        '"{x}"',
        '"a;b"',
        '"closed"',
        '"\\u0000"',
        '"\\ud800"',
    ),
    *(
        "[1]",
        "[[1]]",
        '{"id":1}',
        '{"id":1.0,"name":"x","y":[]}',
        '{"id":1,"id":2}',
        '[{"id":"7"}]',
        '["a;b"]',
    ),
    *('"2026-08-31T07:44:00Z"', '"2026-08-31T07:44:00+02:00"', '"2026-08-31T07:44:00+15:00"', '"2026-08-31"'),
    *(
        '" 2026-08-31T07:44:00Z"',
        '"2026-08-31T07:44:0 +02:00"',
        '"2026-08-31T07:44:00,5Z"',
        '"2026-02-30T07:44:00Z"',
    ),
    *(
        '"1999-12-31T23:59:59Z"',
        '"13/08/2026"',
        '"08/13/2026"',
        '"01/02/2026"',
        '"infinity"',
        '"epoch"',
        "1e400",
    ),
]
KEYS = [
    "id",
    "created_on",
    "contact",
    "status",
    "assigned",
    "tags",
    "channel",
    "closed_on",
    "novelty",
    "\\u0069d",
]
# Text around a record, or instead of it.
AROUND = ["%s"] * 12 + [
    "\t%s",
    "%s ",
    "%s\r",
    " %s",
    "\v%s",
    "%s\f",
    "%s,",
    "%s %s",
    "[%s]",
    "%s//",
    "%s\x1f",
    "\ufeff%s",
]
AROUND += ["%s\u00a0", "\u3000%s", "\u00a0", "\u2028", "\u00a0\u3000"]
AROUND += ["", "  ", "\t", "\f", "null", "5", "{", "{}", '{"id":1,}']


@st.composite
def json_lines(draw: st.DrawFn) -> bytes:
    """Return lines of JSON, most of them valid."""
    lines = []
    for number in range(draw(st.integers(1, 12))):
        fields = [("id", f'"c{number}"'), ("created_on", '"2026-08-31T07:44:00+02:00"')]
        changed_field = st.tuples(st.sampled_from(KEYS), st.sampled_from(VALUES))
        fields += draw(st.lists(changed_field, max_size=3)) if draw(st.booleans()) else []
        record = "{" + ", ".join(f'"{key}": {value}' for key, value in fields) + "}"
        lines.append(draw(st.sampled_from(AROUND)).replace("%s", record))
    end = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    return (
        draw(st.sampled_from(["", "", "\ufeff"])) + end.join(lines) + draw(st.sampled_from([end, ""]))
    ).encode()


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(files=st.lists(json_lines(), min_size=4, max_size=12))
def test_plain_lines_give_the_same_rows_as_the_general_reader(files: list[bytes]) -> None:
    def ingested(folder: str) -> dict[str, list[tuple]]:
        home = TemporaryHome(Path(folder))
        for number, content in enumerate(files):
            home.drop(f"conversations/{number:02}.jsonl", content)
        home.ingest()
        return home.all_rows()

    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        plain = ingested(one)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Group, "can_be_plain", False)
            assert plain == ingested(other)
