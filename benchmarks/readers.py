"""Read releases during publications: `python -m benchmarks.readers [--readers 3] [--releases 20]`.

Belongs here: processes that read the release in a loop, and the figures of their reads during and between
publications. Does not: how a release is published (`orchestration.publish`).

A read opens the file like an analyst or a report page, and compares the number of rows of every table with
the release's `release.json`. The numbers differ between any two releases of the benchmark.
"""

import argparse
import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import synthetic_candidate

from orchestration.common.sql import quoted
from orchestration.publish.reader import reader
from orchestration.publish.release import current_release
from orchestration.publish.store import publish
from orchestration.settings import Settings

REPORTS = ("report_overview", "report_by_agent", "report_by_tag", "report_details")
PERIOD = "'2000-01-01', '2100-01-01'"


def read_release(settings: Settings) -> str | None:
    """Read the release like analysts and report pages. Return a problem, or None if there is none."""
    published = settings.published_path
    try:
        with duckdb.connect(published / "reports.duckdb", read_only=True) as connection:
            release_id, parquet = connection.execute("select release_id, parquet from release()").fetchone()
            rows = json.loads((published / "releases" / release_id / "release.json").read_text())["rows"]
            for table, expected in rows.items():
                files = quoted(published / parquet / f"{table}.parquet")
                for source in (table, f"read_parquet({files})"):
                    (found,) = connection.execute(f"select count(*) from {source}").fetchone()
                    if found != expected:
                        return f"mixed: {release_id} has {found} rows in {source}, expected {expected}"
            for report in REPORTS:
                connection.execute(f"from {report}({PERIOD})").fetchall()
            (again,) = connection.execute("select release_id from release()").fetchone()
        with reader(settings) as connection:
            connection.execute(f"from report_overview({PERIOD})").fetchall()
        if again != release_id:
            return f"mixed: {release_id} became {again} while it was read"
        return None if current_release(settings) else "pages see no release"
    except (duckdb.Error, OSError, ValueError) as error:
        return f"error: {error}"


@contextmanager
def reading(
    settings: Settings, readers: int, pause: float = 0.0
) -> Iterator[list[tuple[float, float, str | None]]]:
    """Read the release in a loop in several processes, with a pause in seconds between reads.

    At the end, the yielded list has the start (`time.monotonic`), the seconds and the problem of each read.
    """
    spawn = multiprocessing.get_context("spawn")
    stop, results, reads = spawn.Event(), spawn.Queue(), []
    processes = [
        spawn.Process(target=_read_in_loop, args=(settings.home, pause, stop, results))
        for _ in range(readers)
    ]
    for process in processes:
        process.start()
    for _ in processes:
        results.get()  # wait until each has begun
    try:
        yield reads
    finally:
        stop.set()
        for _ in processes:
            reads += results.get()
        for process in processes:
            process.join()


def _read_in_loop(home: Path, pause: float, stop, results) -> None:
    settings, reads = Settings(home=home, memory_limit="500MB", threads=1), []
    results.put("begun")
    while not stop.is_set():
        began = time.monotonic()
        problem = read_release(settings)
        reads.append((began, time.monotonic() - began, problem))
        stop.wait(pause)
    results.put(reads)


def main(arguments: list[str] | None = None) -> int:
    """Publish releases while processes read, and print the results. Return 1 if a read found a problem."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--readers", type=int, default=3)
    parser.add_argument("--releases", type=int, default=20)
    parser.add_argument("--conversations", type=int, default=100_000)
    parser.add_argument("--pause", type=float, default=2.0, help="seconds between two releases")
    command = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home), memory_limit="2GB", threads=1)
        synthetic_candidate.write(settings.candidate_path, conversations=command.conversations)
        _publish(settings, 0)
        publishing = []
        with reading(settings, command.readers) as reads:
            for number in range(1, command.releases + 1):
                time.sleep(command.pause)
                began = time.monotonic()
                _publish(settings, number)
                publishing.append((began, time.monotonic()))
            time.sleep(command.pause)
    problems = [problem for _, _, problem in reads if problem]
    print(
        f"{command.releases} releases of {command.conversations:,} conversations, {command.readers} readers"
    )
    print(f"one release took {statistics.median(end - start for start, end in publishing):.1f} s (median)")
    for name, wanted in (("during publications", True), ("between publications", False)):
        seconds = [
            took
            for began, took, _ in reads
            if any(began < end and began + took > start for start, end in publishing) == wanted
        ]
        print(
            f"{name}: {len(seconds)} reads, median {statistics.median(seconds):.2f} s,"
            f" slowest {max(seconds):.2f} s"
        )
    print(f"{len(problems)} reads found a problem", *sorted(set(problems)), sep="\n")
    return int(bool(problems))


def _publish(settings: Settings, number: int) -> None:
    """Publish a release with fewer messages and tags than the previous one."""
    with duckdb.connect(settings.candidate_path) as connection:
        for table, key in (("fct_messages", "message_id"), ("bridge_conversation_tags", "conversation_id")):
            connection.execute(f"delete from {table} where hash({key}) % 50 = {number}")
        connection.execute("update build.builds set build_id = ?", [str(number)])
    publish(settings, {"passed": []})


if __name__ == "__main__":
    sys.exit(main())
