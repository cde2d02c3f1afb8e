"""Read while releases are published: `python -m benchmarks.readers [--readers 3] [--releases 20]`.

Belongs here: analysts' connections that look at what is published in a loop, and the figures of what they met
while releases were published and while not. Does not: how a release is published (`orchestration.publish`).

A look opens the file anew, as an analyst or a report page does, and holds it against what the release's own
folder says of it: the rows of every table, which no two releases of the measurement have in common.
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


def look(settings: Settings) -> str | None:
    """Read the release as analysts and as report pages do; return what is wrong with it, None if nothing."""
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
def looking_on(
    settings: Settings, readers: int, pause: float = 0.0
) -> Iterator[list[tuple[float, float, str | None]]]:
    """Have so many processes look in a loop, with a pause in seconds; the list yielded is filled at the end.

    It holds of each look when it began (`time.monotonic`), its seconds, and what was wrong.
    """
    spawn = multiprocessing.get_context("spawn")
    stop, told, looks = spawn.Event(), spawn.Queue(), []
    processes = [
        spawn.Process(target=_look_on, args=(settings.home, pause, stop, told)) for _ in range(readers)
    ]
    for process in processes:
        process.start()
    for _ in processes:
        told.get()  # each tells that it has begun
    try:
        yield looks
    finally:
        stop.set()
        for _ in processes:
            looks += told.get()
        for process in processes:
            process.join()


def _look_on(home: Path, pause: float, stop, told) -> None:
    settings, looks = Settings(home=home, memory_limit="500MB", threads=1), []
    told.put("begun")
    while not stop.is_set():
        began = time.monotonic()
        problem = look(settings)
        looks.append((began, time.monotonic() - began, problem))
        stop.wait(pause)
    told.put(looks)


def main(arguments: list[str] | None = None) -> int:
    """Publish releases under the eyes of readers, print what they met; return 1 if any look went wrong."""
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
        with looking_on(settings, command.readers) as looks:
            for number in range(1, command.releases + 1):
                time.sleep(command.pause)
                began = time.monotonic()
                _publish(settings, number)
                publishing.append((began, time.monotonic()))
            time.sleep(command.pause)
    wrong = [problem for _, _, problem in looks if problem]
    print(
        f"{command.releases} releases of {command.conversations:,} conversations, {command.readers} readers"
    )
    print(f"one release took {statistics.median(end - start for start, end in publishing):.1f} s (median)")
    for name, wanted in (("while publishing", True), ("while not", False)):
        seconds = [
            took
            for began, took, _ in looks
            if any(began < end and began + took > start for start, end in publishing) == wanted
        ]
        print(
            f"{name}: {len(seconds)} looks, median {statistics.median(seconds):.2f} s,"
            f" slowest {max(seconds):.2f} s"
        )
    print(f"{len(wrong)} looks went wrong", *sorted(set(wrong)), sep="\n")
    return int(bool(wrong))


def _publish(settings: Settings, number: int) -> None:
    """Publish a release whose messages and tags are fewer than those of the one before."""
    with duckdb.connect(settings.candidate_path) as connection:
        for table, key in (("fct_messages", "message_id"), ("bridge_conversation_tags", "conversation_id")):
            connection.execute(f"delete from {table} where hash({key}) % 50 = {number}")
        connection.execute("update build.builds set build_id = ?", [str(number)])
    publish(settings, {"passed": []})


if __name__ == "__main__":
    sys.exit(main())
