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
