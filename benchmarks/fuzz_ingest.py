"""Corrupt files at random and ingest them: `python -m benchmarks.fuzz_ingest [files] [seed]`.

Belongs here: many random files, the search for a file that breaks the ingest, and the figures. Does not: the
corruption of a file and the assertions on it (`tests/corrupted_files.py`).
"""

import random
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from corrupted_files import CorruptedFile, check_result, corrupted_file
from temporary_home import TemporaryHome

ROUND = 500  # files per landing
SHOWN = 40


def main(files: int = 10_000, seed: int = 1) -> int:
    """Ingest corrupted files and print the results. Return 1 if a record was lost or an ingest crashed."""
    rng, started = random.Random(seed), time.monotonic()  # noqa: S311
    figures, rejections, failures = Counter(), Counter(), 0
    for first in range(0, files, ROUND):
        corrupted = [corrupted_file(rng, number) for number in range(first, min(first + ROUND, files))]
        try:
            load(corrupted, figures, rejections)
        except Exception:
            failures += 1
            print_failing_file(corrupted)
        print(f"{first + len(corrupted):,} files, {time.monotonic() - started:.0f} s", flush=True)
    print(f"\nseed {seed}, {failures} rounds with a crash or a loss")
    for name, figure in figures.items():
        print(f"{name:20}{figure:>10,}")
    for reason, times in rejections.most_common(SHOWN):
        print(f"{times:>10,}  {reason}")
    return int(failures > 0)


def load(corrupted: list[CorruptedFile], figures: Counter, rejections: Counter) -> None:
    """Ingest these files as one landing and add up the results."""
    with tempfile.TemporaryDirectory() as folder:
        home = TemporaryHome(Path(folder), settle_seconds=0)
        for file in corrupted:
            home.drop(f"conversations/{file.name}", file.content)
        result = home.ingest()
        check_result(home, result, corrupted)
        assert home.ingest().batch_id is None
        totals = result.totals()
        figures["files"] += totals.files
        figures.update(f"files {outcome.status}" for outcome in result.files)
        figures["records read"] += totals.records_read
        figures["records accepted"] += totals.records_accepted
        figures["records rejected"] += totals.records_rejected
        figures["good records"] += sum(file.good.total() for file in corrupted)
        rejections.update(reason_type(reason) for (reason,) in home.rejected("reason"))


def reason_type(reason: str) -> str:
    """Return a reason without the values of a single record."""
    return re.sub(r"\d+", "n", re.sub(r"\"[\s\S]*\"|\([\s\S]*\)", "…", reason))[:90]


def print_failing_file(corrupted: list[CorruptedFile]) -> None:
    """Find the file that breaks the ingest by bisection, keep it, and print its path and the error."""
    rest = corrupted
    while len(rest) > 1:
        half = rest[: len(rest) // 2]
        rest = half if error_of(half) else rest[len(rest) // 2 :]
    kept = Path(tempfile.gettempdir()) / rest[0].name
    kept.write_bytes(rest[0].content)
    error = error_of(rest) or error_of(corrupted)
    print(f"{kept}: {type(error).__name__}: {str(error)[:800]}", file=sys.stderr)


def error_of(corrupted: list[CorruptedFile]) -> Exception | None:
    """Return the error of ingesting these files, None if there is none."""
    try:
        load(corrupted, Counter(), Counter())
    except Exception as error:
        return error
    return None


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
