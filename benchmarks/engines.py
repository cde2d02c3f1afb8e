"""Compare DuckDB and Spark at several sizes: `python -m benchmarks.engines`.

Belongs here: building the same tables from the same raw files on DuckDB and on a local Spark cluster with the
same number of cores, and a linear model of the cost. Does not: the other stages, which are the same for both
engines (see `stages`).

The benchmark measures `dbt build` of all seeds and models as a full build, including its start. The cluster
is started before. Peak memory is that of the dbt process for DuckDB, and the sum over the cluster's processes
for Spark. The two largest sizes give the cost per message (the slope) and the fixed cost. The model assumes
that a cluster of k machines divides the slope by k, which no real cluster reaches.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from shutil import copytree
from threading import Event, Thread

from benchmarks.stages import BIN, DBT_BUILD, MB, command, exports, in_process, ingest
from orchestration.settings import PREFIX, PROJECT, Settings

CLUSTER = PROJECT / "deploy" / "spark.sh"
TABLES = ("--resource-type", "seed", "--resource-type", "model")
MACHINES = (1, 2, 4, 8, 16, 32)
SAMPLE_EVERY_SECONDS = 0.5
PAGE = os.sysconf("SC_PAGE_SIZE")


@contextmanager
def cluster(settings: Settings, memory: str) -> Iterator[dict[str, int]]:
    """Start a cluster for a home, yield a dictionary with its peak memory in `bytes`, and stop it."""
    variables = os.environ | settings.environment() | {"SPARK_WORKER_MEMORY": memory}
    subprocess.run([CLUSTER, "up"], env=variables, check=True, stdout=subprocess.DEVNULL)
    peak, ended = {"bytes": 0}, Event()

    def watch() -> None:
        while not ended.wait(SAMPLE_EVERY_SECONDS):
            peak["bytes"] = max(peak["bytes"], _resident(settings.home / "spark" / "cluster"))

    watcher = Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        ended.set()
        watcher.join()
        subprocess.run([CLUSTER, "down"], env=variables, check=True)


def _resident(folder: Path) -> int:
    """Return the resident bytes of the processes of a cluster and of their children."""
    processes = [int(path.read_text()) for path in folder.glob("*.pid")]
    for process in processes:  # the loop appends to the list
        processes += _children(process)
    return sum(_pages(process) for process in processes) * PAGE


def _children(process: int) -> list[int]:
    try:
        threads = list(Path(f"/proc/{process}/task").iterdir())
        return [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    except FileNotFoundError:
        return []


def _pages(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except FileNotFoundError:
        return 0


def build(settings: Settings, *options: object) -> tuple[float, int]:
    """Build all tables. Return the wall seconds and the peak memory of the dbt process in bytes."""
    paths = ("--target-path", settings.dbt_target_path, "--log-path", settings.dbt_target_path)
    cost = command(settings, BIN / "dbt", *DBT_BUILD, *TABLES, *options, *paths)
    return cost.wall, cost.peak


def measure(work: Path, conversations: int, days: int, limits: dict, memory: str) -> tuple[int, dict]:
    """Build one size on both engines. Return the number of messages, and the seconds and bytes by engine."""
    in_process(partial(exports, work, conversations, days, limits["threads"]))
    home = Settings(home=work / "duckdb", landing=work / "history", **limits)
    in_process(partial(ingest, home))
    home.ensure_hash_key()
    other = Settings(home=work / "spark", engine="spark", **limits)
    copytree(home.raw_path, other.raw_path)
    copytree(home.rejected_path, other.rejected_path)
    other.ensure_hash_key()
    found = {"duckdb": build(home)}
    with cluster(other, memory) as peak:
        seconds, _ = build(other, "--target", "spark")
        found["spark"] = seconds, peak["bytes"]
    messages = sum(1 for path in (work / "history").glob("demo/messages/*") for _ in path.open("rb"))
    return messages, found


def line_through(sizes: list[tuple[int, dict]], engine: str) -> tuple[float, float]:
    """Return the fixed seconds and the seconds per message, from the two largest sizes."""
    (fewer, before), (more, after) = sizes[-2:]
    slope = (after[engine][0] - before[engine][0]) / (more - fewer)
    return after[engine][0] - slope * more, slope


def crossing(one: tuple[float, float], other: tuple[float, float], machines: int) -> float | None:
    """Return the number of messages from which the other engine is faster on so many machines, else None."""
    gained = one[1] - other[1] / machines
    return max(0.0, (other[0] - one[0]) / gained) if gained > 0 else None


def main() -> None:
    """Measure all sizes and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--conversations", type=int, default=50_000, help="number of the smallest size")
    parser.add_argument(
        "--factors",
        type=int,
        nargs="+",
        default=[1, 4, 16],
        help="multiples of the smallest size, at least two",
    )
    parser.add_argument("--days", type=int, default=92, help="days of history")
    parser.add_argument("--memory-limit", default="4GB", help="memory limit of DuckDB")
    parser.add_argument("--worker-memory", default="2g", help="memory of each of the two workers")
    parser.add_argument("--spark-port", type=int, default=10000)
    options = parser.parse_args()
    if len(options.factors) < 2:
        parser.error("give at least two factors")
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]  # the result must not depend on the settings of this machine
    limits = {"memory_limit": options.memory_limit, "threads": 2, "settle_seconds": 0}
    limits["spark_port"] = options.spark_port
    print(f"2 cores for each engine; load at the start {os.getloadavg()[0]:.1f}\n", flush=True)
    print("| conversations | messages | DuckDB, s | peak, MB | Spark, s | peak, MB | ratio |")
    print("|---" * 7 + "|", flush=True)
    sizes = []
    for factor in sorted(options.factors):
        conversations = options.conversations * factor
        with tempfile.TemporaryDirectory(prefix="engines-") as work:
            messages, found = measure(Path(work), conversations, options.days, limits, options.worker_memory)
        sizes.append((messages, found))
        (ours, ours_peak), (theirs, theirs_peak) = found["duckdb"], found["spark"]
        print(
            f"| {conversations:,} | {messages:,} | {ours:.1f} | {ours_peak / MB:,.0f} | {theirs:.1f} |"
            f" {theirs_peak / MB:,.0f} | {theirs / ours:.1f} |",
            flush=True,
        )
    lines = {engine: line_through(sizes, engine) for engine in ("duckdb", "spark")}
    for engine, (start, slope) in lines.items():
        print(f"\n{engine}: {start:.1f} s and {slope * 1e6:.1f} s per million messages")
    print("\n| machines of 2 cores | messages from which Spark is faster |\n|---|---|")
    for machines in MACHINES:
        messages = crossing(lines["duckdb"], lines["spark"], machines)
        print(f"| {machines} | {'never' if messages is None else f'{messages:,.0f}'} |")
    print(f"\nload at the end {os.getloadavg()[0]:.1f}; {time.strftime('%Y-%m-%d')}")


if __name__ == "__main__":
    sys.exit(main())
