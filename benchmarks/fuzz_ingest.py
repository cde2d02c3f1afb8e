"""Break files at random and load them: `python -m benchmarks.fuzz_ingest [files] [seed]`.

Belongs here: rolling the dice often, finding the one file that breaks the ingest, and the figures. Does not:
how a file is broken and what must hold of it (`tests/mutations.py`).
"""

import random
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from house import House
from mutations import Broken, broken_file, check

ROUND = 500  # files of one landing
SHOWN = 40


def main(files: int = 10_000, seed: int = 1) -> int:
    """Load so many broken files, print what became of them, and return 1 if anything was lost or crashed."""
    dice, started = random.Random(seed), time.monotonic()  # noqa: S311
    figures, refusals, failures = Counter(), Counter(), 0
    for first in range(0, files, ROUND):
        broken = [broken_file(dice, number) for number in range(first, min(first + ROUND, files))]
        try:
            load(broken, figures, refusals)
        except Exception:
            failures += 1
            print_culprit(broken)
        print(f"{first + len(broken):,} files, {time.monotonic() - started:.0f} s", flush=True)
    print(f"\nseed {seed}, {failures} rounds with a crash or a loss")
    for name, figure in figures.items():
        print(f"{name:20}{figure:>10,}")
    for reason, times in refusals.most_common(SHOWN):
        print(f"{times:>10,}  {reason}")
    return int(failures > 0)


def load(broken: list[Broken], figures: Counter, refusals: Counter) -> None:
    """Load these files as one landing and add up what became of them."""
    with tempfile.TemporaryDirectory() as home:
        house = House(Path(home), settle_seconds=0)
        for file in broken:
            house.drop(f"conversations/{file.name}", file.content)
        result = house.ingest()
        check(house, result, broken)
        assert house.ingest().batch_id is None
        totals = result.totals()
        figures["files"] += totals.files
        figures.update(f"files {outcome.status}" for outcome in result.files)
        figures["records read"] += totals.records_read
        figures["records accepted"] += totals.records_accepted
        figures["records rejected"] += totals.records_rejected
        figures["good records"] += sum(file.good.total() for file in broken)
        refusals.update(kind_of(reason) for (reason,) in house.rejected("reason"))


def kind_of(reason: str) -> str:
    """Return a reason without what is peculiar to one record."""
    return re.sub(r"\d+", "n", re.sub(r"\"[\s\S]*\"|\([\s\S]*\)", "…", reason))[:90]


def print_culprit(broken: list[Broken]) -> None:
    """Find the file that cannot be loaded even alone, by halving; keep it, and print where and the error."""
    rest = broken
    while len(rest) > 1:
        half = rest[: len(rest) // 2]
        rest = half if error_of(half) else rest[len(rest) // 2 :]
    kept = Path(tempfile.gettempdir()) / rest[0].name
    kept.write_bytes(rest[0].content)
    error = error_of(rest) or error_of(broken)
    print(f"{kept}: {type(error).__name__}: {str(error)[:800]}", file=sys.stderr)


def error_of(broken: list[Broken]) -> Exception | None:
    """Return the error that loading these files ends in."""
    try:
        load(broken, Counter(), Counter())
    except Exception as error:
        return error
    return None


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
