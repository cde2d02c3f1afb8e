"""Whatever happens to a file of any format: no crash, nothing uncounted, and no good line of it lost.

Belongs here: letting hypothesis roll the dice. Does not: what is broken and how (`mutations`); ten thousand
files at once are `benchmarks/fuzz_ingest.py`.
"""

import random
import tempfile
from pathlib import Path

import pytest
from house import House
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from mutations import Broken, broken_file, check

from orchestration.ingest.loading import Group

FILES = 25


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@example(seed=1)
@given(seed=st.integers(0, 2**32))
def test_files_broken_at_random_lose_nothing_and_harm_no_other(seed: int) -> None:
    dice = random.Random(seed)
    files = [broken_file(dice, number) for number in range(FILES)]
    with tempfile.TemporaryDirectory() as home:
        house = House(Path(home))
        for file in files:
            house.drop(f"conversations/{file.name}", file.content)
        check(house, house.ingest(), files)
        assert house.ingest().batch_id is None


def test_the_check_sees_a_good_record_that_was_lost(tmp_path: Path) -> None:
    house = House(tmp_path)
    files = [file for file in (broken_file(random.Random(seed), seed) for seed in range(20)) if file.good]
    lost = files[0]
    files[0] = Broken(lost.name, lost.content, lost.good + type(lost.good)(["never loaded"]))
    for file in files:
        house.drop(f"conversations/{file.name}", file.content)
    with pytest.raises(AssertionError, match="lost Counter"):
        check(house, house.ingest(), files)


# JSON, as it may stand for a field.
ODD = [
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
# What stands around a record, or in its stead.
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
AROUND += ["", "  ", "\t", "\f", "null", "5", "{", "{}", '{"id":1,}']


@st.composite
def json_lines(draw: st.DrawFn) -> bytes:
    """Lines of JSON, most of them sound, in which anything may be odd."""
    lines = []
    for number in range(draw(st.integers(1, 12))):
        fields = [("id", f'"c{number}"'), ("created_on", '"2026-08-31T07:44:00+02:00"')]
        odd = st.tuples(st.sampled_from(KEYS), st.sampled_from(ODD))
        fields += draw(st.lists(odd, max_size=3)) if draw(st.booleans()) else []
        record = "{" + ", ".join(f'"{key}": {value}' for key, value in fields) + "}"
        lines.append(draw(st.sampled_from(AROUND)).replace("%s", record))
    end = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    return (
        draw(st.sampled_from(["", "", "\ufeff"])) + end.join(lines) + draw(st.sampled_from([end, ""]))
    ).encode()


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(files=st.lists(json_lines(), min_size=4, max_size=12))
def test_plain_lines_come_out_as_if_each_had_been_looked_at_as_text(files: list[bytes]) -> None:
    def everything(home: str) -> dict[str, list[tuple]]:
        house = House(Path(home))
        for number, content in enumerate(files):
            house.drop(f"conversations/{number:02}.jsonl", content)
        house.ingest()
        return house.everything()

    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        quickly = everything(one)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Group, "can_be_plain", False)
            assert quickly == everything(other)
