"""What every stage costs, beside the least that does the same: `make bench`.

Belongs here: an export of any size and a day more of it, the stages as a user runs them, and how each is
measured beside its yardstick, in the same run on the same data. Does not: the yardsticks' SQL (`yardsticks`).

A command counts whole, with its start and all its processes; what is called in Python counts without the
imports, in a process of its own. The peak of memory is that of the largest process. Written is what was
handed to the system, also to files that went again. On a machine that does other work at the time, the
seconds of the clock are upper bounds; those of the processors suffer less.
"""

import argparse
import json
import multiprocessing
import os
import platform
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path

import duckdb
import pandas

from benchmarks import yardsticks
from orchestration.common.candidate_files import discard_candidate
from orchestration.ingest.platforms import PLATFORMS
from orchestration.settings import PROJECT, Settings
from samples.generate import generate

NEW_DAY = date(2025, 12, 1)  # a Monday that begins a month: what is new has files of its own
RECENT = timedelta(days=7)  # of conversations no older, updates and late messages come with the new day
CODECS = {"gz": ("gzip", "-9"), "zst": ("zstd", "-3")}
ENTITIES = {entity.name: entity for entity in PLATFORMS["activecampaign"].entities}
STEPS = {
    "ingest": "ingest",
    "warehouse": "dbt: seeds, models, tests",
    "quality_gate": "gate",
    "publish": "publish",
    "published__report": "report to send",
}
DBT_BUILD = ("build", "--full-refresh", "--profiles-dir", ".")
SLOWEST = 10
LOOK_EVERY_SECONDS = 0.2
BIN = Path(sys.executable).parent
MB = 1_000_000


@dataclass(frozen=True)
class Cost:
    """Seconds of the clock and of the processors, and bytes: the peak of memory, and what was written."""

    wall: float
    cpu: float | None = None
    peak: int | None = None
    written: int | None = None

    def __add__(self, other: "Cost") -> "Cost":
        """Return what both cost, one after the other."""
        return Cost(
            self.wall + other.wall,
            self.cpu + other.cpu,
            max(self.peak, other.peak),
            self.written + other.written,
        )


@dataclass(frozen=True)
class Row:
    """A line of the table: a stage beside its yardstick."""

    what: str
    cost: Cost
    yardstick: str
    least: Cost


def command(settings: Settings, *arguments: object, course: list[tuple[float, float]] | None = None) -> Cost:
    """Run a command in the project; where it fails, end here with what it said.

    Into `course` go moments (as of `time.time`) with the processor seconds spent until then.
    """
    environment = os.environ | settings.environment() | {"CONVERSATIONS_SETTLE_SECONDS": "0"}
    folder = PROJECT / "dbt_project" if Path(str(arguments[0])).name == "dbt" else PROJECT
    with tempfile.TemporaryFile() as said:
        start = time.perf_counter()
        process = subprocess.Popen(
            [str(argument) for argument in arguments],
            cwd=folder,
            env=environment,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        ended = os.WEXITED | os.WNOWAIT
        while course is not None and not os.waitid(os.P_PID, process.pid, ended | os.WNOHANG):
            course.append((time.time(), _seconds_of_tree(process.pid)))
            time.sleep(LOOK_EVERY_SECONDS)
        os.waitid(os.P_PID, process.pid, ended)
        wall, written = time.perf_counter() - start, _written(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            sys.exit(f"{process.args} ended with {process.returncode}:\n{said.read().decode()[-5000:]}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, written)


def apart(prepare: Callable[[], Callable[[], object]], times: int = 1) -> Cost:
    """Time what `prepare` returns, that alone, in a process of its own; return the best of `times`."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe(duplex=False)
    process = spawn.Process(target=_call, args=(prepare, times, theirs))
    process.start()
    process.join()
    if process.exitcode:
        sys.exit(f"{prepare} ended with {process.exitcode}")
    return ours.recv()


def _call(prepare: Callable[[], Callable[[], object]], times: int, theirs: Connection) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the engine's bars of progress
    act, costs = prepare(), []
    for _ in range(times):
        wall, cpu, written = time.perf_counter(), time.process_time(), _written("self")
        act()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        costs.append(
            Cost(time.perf_counter() - wall, time.process_time() - cpu, peak, _written("self") - written)
        )
    theirs.send(min(costs, key=lambda cost: cost.cpu))
    os._exit(0)  # an orderly end has the engine complain of what the connections still hold


def _written(process: int | str) -> int:
    return int(Path(f"/proc/{process}/io").read_text().split("wchar: ")[1].split()[0])


def _seconds_of_tree(root: int) -> float:
    """Return the processor seconds of a process, of what it started and of what of that has ended."""
    parents, ticks = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(") ")[2].split()
        except OSError:  # it has just ended
            continue
        pid = int(path.parent.name)
        parents[pid], ticks[pid] = int(fields[1]), sum(map(int, fields[11:15]))
    family = {root}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    return sum(ticks.get(pid, 0) for pid in family) / os.sysconf("SC_CLK_TCK")


def sql(settings: Settings, script: str, database: Path | None = None, read_only: bool = False):
    """Prepare a script on the engine, with the limits of the settings."""
    config = {"memory_limit": settings.memory_limit, "threads": settings.threads}
    connection = duckdb.connect(database or ":memory:", read_only=read_only, config=config)
    connection.execute("set timezone = 'UTC'; set preserve_insertion_order = false")
    connection.execute("set enable_progress_bar = false")

    def run() -> None:
        for statement in connection.extract_statements(script):
            connection.execute(statement).fetchall()

    return run


def ingest(settings: Settings):
    """Prepare the ingest."""
    from orchestration.ingest.pipeline import ingest

    return partial(ingest, settings)


def gate(settings: Settings):
    """Prepare the quality gate."""
    from orchestration.quality.gate import run_gate

    return partial(run_gate, settings)


def publish(candidate: Path, settings: Settings):
    """Prepare the first release of a copy of a candidate: it shares no file with a release before."""
    from orchestration.publish.store import publish

    settings.home.mkdir()
    settings.candidate_path.hardlink_to(candidate)
    return partial(publish, settings, {"passed": [], "warned": []})


def copy(files: list[Path], target: Path):
    """Prepare copying the bytes of these files to a folder, until the disk has them."""

    def run() -> None:
        target.mkdir()
        for number, file in enumerate(files):
            with file.open("rb") as source, (target / str(number)).open("wb") as sink:
                shutil.copyfileobj(source, sink, 1 << 20)
                sink.flush()
                os.fsync(sink.fileno())

    return run


def exports(folder: Path, conversations: int, days: int, threads: int):
    """Prepare the exports: not made in this process, whose peak of memory its commands begin with."""
    return partial(_make_exports, folder, conversations, days, threads)


def _make_exports(folder: Path, conversations: int, days: int, threads: int) -> None:
    """Write `history`, an export of so many days in month files, and `news`, of the day after.

    With the day come the contacts who wrote on it, and what is new of recent conversations.
    """
    first_day = NEW_DAY - timedelta(days=days)
    generate(folder / "all", conversations, 1, first_day, days + 1, file_format="jsonl", threads=threads)
    month, since = f"{NEW_DAY:%Y-%m}", str(NEW_DAY - RECENT)
    account = folder / "all" / "demo"
    begun = list(_records(account / "conversations" / f"{month}.jsonl"))
    updates = account.glob("conversations/*-updates.jsonl")
    updated = {record["id"] for path in updates for record in _records(path) if record["created_on"] >= since}
    is_new = {
        "agents": lambda record: False,
        "contacts": lambda record, wrote={record["contact"] for record in begun}: record["id"] in wrote,
        "conversations": lambda record: record["id"] in updated,
        "conversation_events": lambda record: record["conversation"] in updated,
        "messages": lambda record: record["timestamp"] >= since,
    }
    for path in account.glob("*/*"):
        entity = path.parent.name
        with path.open() as lines:
            if path.stem == month and entity != "contacts":
                _write(folder / "news", path, lines)
            elif entity in ("contacts", "agents") or path.stem.endswith(("-late", "-updates")):
                parts: dict[bool, list[str]] = {True: [], False: []}
                for line in lines:
                    parts[is_new[entity](json.loads(line))].append(line)
                created = f'"created_on":"{NEW_DAY:%d/%m/%Y}'
                known = [line for line in parts[True] if entity == "contacts" and created not in line]
                _write(folder / "news", path, parts[True])
                _write(folder / "history", path, parts[False] + known)
            else:
                _write(folder / "history", path, lines)
    shutil.rmtree(folder / "all")


def _records(path: Path) -> Iterator[dict]:
    with path.open() as lines:
        yield from map(json.loads, lines)


def _write(landing: Path, path: Path, lines: Iterable[str]) -> None:
    target = landing / path.relative_to(path.parent.parent.parent)
    target.parent.mkdir(parents=True, exist_ok=True)
    if written := list(lines):
        target.write_text("".join(written))


def ingest_rows(work: Path, history: Path, limits: dict) -> Iterator[Row]:
    """Take in all of the history, and its messages alone in each codec."""
    settings = Settings(home=work / "ingest-all", landing=str(history), **limits)
    script = ";\n".join(
        yardsticks.copy_to_parquet(
            entity, sorted((history / "demo" / name).glob("*")), work / f"{name}.parquet"
        )
        for name, entity in ENTITIES.items()
        if name != "agents"
    )
    bare = apart(partial(sql, settings, script))
    yield Row("ingest, all entities, .jsonl", apart(partial(ingest, settings)), "`copy (read_json)`", bare)
    files = sorted((history / "demo" / "messages").glob("*.jsonl"))
    script = yardsticks.copy_to_parquet(ENTITIES["messages"], files, work / "bare.parquet")
    bare = apart(partial(sql, settings, script))
    for codec in ("", *CODECS):
        landing = work / f"landing{codec}"
        folder = landing / "demo" / "messages"
        folder.mkdir(parents=True)
        settings = Settings(home=work / f"ingest{codec}", landing=str(landing), **limits)
        least, named = bare, "`copy (read_json)`"
        for file in files:
            shutil.copy(file, folder)
            if codec:
                program, level = CODECS[codec]
                packed = folder / f"{file.name}.{codec}"
                with packed.open("wb") as sink:
                    subprocess.run([program, level, "-c", folder / file.name], stdout=sink, check=True)
                (folder / file.name).unlink()
                least += command(settings, "sh", "-c", f"{program} -dc '{packed}' > /dev/null")
                named = f"the same + `{program} -dc`"
        cost = apart(partial(ingest, settings))
        suffix = f".jsonl.{codec}" if codec else ".jsonl"
        yield Row(f"ingest, messages, {suffix}", cost, named, least)
        shutil.rmtree(landing)


def stages(settings: Settings) -> tuple[Cost, dict[str, Cost], dict]:
    """Run everything as a user does; return what it cost in all and by stage, and what dbt said of it."""
    course: list[tuple[float, float]] = []
    known = set(settings.dagster_path.glob("history/runs/*-*.db"))
    cost = command(settings, BIN / "python", "-m", "orchestration", "run", course=course)
    [run] = set(settings.dagster_path.glob("history/runs/*-*.db")) - known
    steps = {}
    for step, (start, end) in step_times(run).items():
        steps[step] = Cost(end - start, _spent(course, end, cost.cpu) - _spent(course, start, cost.cpu))
    inside = [steps[step] for step in STEPS]
    steps["rest"] = Cost(
        cost.wall - sum(step.wall for step in inside), cost.cpu - sum(step.cpu for step in inside)
    )
    return cost, steps, dbt_results(settings)


def step_times(run: Path) -> dict[str, tuple[float, float]]:
    """Return when each step of a run began and ended, as of `time.time`, from the run's file of events."""
    with closing(sqlite3.connect(run)) as log:
        events = log.execute(
            "select step_key, min(timestamp), max(timestamp) from event_logs"
            " where dagster_event_type in ('STEP_START', 'STEP_SUCCESS') group by step_key"
        ).fetchall()
    return {
        step: tuple(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp() for moment in moments)
        for step, *moments in events
    }


def _spent(course: list[tuple[float, float]], moment: float, total: float) -> float:
    """Return the processor seconds spent until a moment, on a straight line between two looks."""
    for (before, less), (after, more) in pairwise(course):
        if before <= moment <= after:
            return less + (more - less) * (moment - before) / (after - before)
    return total if moment > course[-1][0] else 0.0


def dbt_results(settings: Settings) -> dict[str, list[tuple[float, str]]]:
    """Return the seconds and names of what dbt's last command executed, by kind, the slowest first."""
    results: dict[str, list[tuple[float, str]]] = {}
    for result in json.loads((settings.dbt_target_path / "run_results.json").read_text())["results"]:
        kind, _, name = result["unique_id"].split(".", 2)
        results.setdefault(kind, []).append((result["execution_time"], name))
    return {kind: sorted(found, reverse=True) for kind, found in results.items()}


def dbt_rows(work: Path, settings: Settings) -> Iterator[Row]:
    """Build all models of what was taken in, in a home of their own, beside one script for conversations."""
    home = work / "dbt-alone"
    home.mkdir()
    for folder in (settings.raw_path, settings.rejected_path):
        (home / folder.name).symlink_to(folder)
    shutil.copy(settings.hash_key_path, home)
    alone = Settings(home=home, memory_limit=settings.memory_limit, threads=settings.threads)
    arguments = ("--target-path", home / "dbt", "--log-path", home / "dbt")
    chosen = ("--resource-type", "seed", "--resource-type", "model")
    command(alone, BIN / "dbt", "parse", "--profiles-dir", ".", *arguments)
    cost = command(alone, BIN / "dbt", *DBT_BUILD, *chosen, *arguments)
    models = sum(seconds for seconds, _ in dbt_results(alone)["model"])
    script = yardsticks.conversations(settings.raw_path)
    least = apart(partial(sql, settings, script, work / "conversations.duckdb"))
    yield Row("`dbt build` of seeds and models, parsed before", cost, "one script, conversations only", least)
    yield Row("its models alone (run_results.json)", Cost(models), "the same script", least)


def increment_rows(full: tuple, increment: tuple) -> Iterator[Row]:
    """Lay the run of a day more beside the run that built all."""
    yield Row("a day more, `orchestration run`", increment[0], "the full run before", full[0])
    for step, name in (STEPS | {"rest": "start, parse, Dagster, summary"}).items():
        yield Row(f"— {name}", increment[1][step], "the same of the full run", full[1][step])
    for kind in ("model", "test"):
        inner, all_of_it = (Cost(sum(s for s, _ in run[2][kind])) for run in (increment, full))
        yield Row(f"— dbt, {kind}s (run_results.json)", inner, "the same of the full run", all_of_it)


def small_rows(work: Path, limits: dict) -> Iterator[Row]:
    """Run the shipped sample in a home that is new, beside dbt alone on what it took in."""
    settings = Settings(home=work / "small", **limits)
    cost = command(settings, BIN / "python", "-m", "orchestration", "run")
    discard_candidate(settings)
    shutil.rmtree(settings.dbt_target_path)
    arguments = ("--target-path", settings.dbt_target_path, "--log-path", settings.dbt_target_path)
    least = command(settings, BIN / "dbt", *DBT_BUILD, "--exclude-resource-type", "unit_test", *arguments)
    yield Row("the shipped sample, from nothing", cost, "`dbt build` of the same", least)


def report_rows(settings: Settings) -> Iterator[Row]:
    """Ask the four reports about the last quarter, each beside a query tuned for it."""
    first, last = str(NEW_DAY - timedelta(days=91)), str(NEW_DAY)
    file = settings.published_path / "reports.duckdb"
    for report, tuned in yardsticks.reports(first, last).items():
        asked = f"from {report}('{first}', '{last}')"
        _require_same(file, asked, tuned)
        cost, least = (apart(partial(sql, settings, query, file, True), times=3) for query in (asked, tuned))
        yield Row(f"{report}, 92 days", cost, "the same, tuned by hand", least)


def _require_same(file: Path, one: str, other: str) -> None:
    """End here where two queries do not give the same rows; the order of columns does not matter."""
    with duckdb.connect(file, read_only=True) as connection:
        frames = []
        for query in (one, other):
            names = sorted(name for name, *_ in connection.execute(query).description)
            frames.append(connection.execute(f"select {', '.join(names)} from ({query}) order by all").df())
    try:
        pandas.testing.assert_frame_equal(*frames, check_dtype=False)
    except AssertionError as error:
        sys.exit(f"the tuned query says otherwise than {one}: {error}")


def published_files(settings: Settings) -> list[Path]:
    """Return the files of the current release: the one that is read and its Parquet."""
    folder = max((settings.published_path / "releases").iterdir())
    parquet = (path for path in sorted(folder.rglob("*.parquet")) if path.is_file())
    return [settings.published_path / "reports.duckdb", *parquet]


def measure(work: Path, conversations: int, days: int, limits: dict, tell: Callable[[str], None]) -> None:
    """Run all of it in a folder, and tell each line of the table as soon as it is known."""

    def rows(found: Iterator[Row]) -> None:
        for row in found:
            tell(line(row))

    apart(partial(exports, work, conversations, days, limits["threads"]))
    history, news = work / "history", work / "news"
    messages, size = _size(history)
    tell(
        f"{conversations:,} conversations over {days} days and one more; in the first {messages:,} messages,"
        f" {size / MB:,.0f} MB"
    )
    told = ", ".join(f"{name} {value}" for name, value in limits.items())
    tell(f"{platform.system()} {platform.machine()}, Python {platform.python_version()},")
    tell(f"duckdb {duckdb.__version__}, {told}")
    tell(f"\nload at the start {os.getloadavg()[0]:.1f}\n")
    tell(HEAD)
    rows(ingest_rows(work, history, limits))
    settings = Settings(home=work / "home", **limits)
    shutil.copytree(history, settings.landing_path, copy_function=os.link)
    full = stages(settings)
    rows(dbt_rows(work, settings))
    _drop(news, settings.landing_path)
    increment = stages(settings)
    rows(increment_rows(full, increment))
    nothing = command(settings, BIN / "python", "-m", "orchestration", "run")
    least = command(settings, BIN / "dbt", "--version") + command(
        settings, BIN / "python", "-c", "import dagster"
    )
    tell(line(Row("nothing new", nothing, "`dbt --version` + `import dagster`", least)))
    script = yardsticks.gate(settings)
    least = apart(partial(sql, settings, script, settings.candidate_path, True))
    tell(line(Row("gate", apart(partial(gate, settings)), "the same predicates in SQL", least)))
    alone = Settings(home=work / "publish-alone", **limits)
    cost = apart(partial(publish, settings.candidate_path, alone))
    least = apart(partial(copy, published_files(settings), work / "copied"))
    tell(line(Row("publish", cost, "copy of the release, fsync", least)))
    rows(report_rows(settings))
    rows(small_rows(work, limits))
    tell(f"\nload at the end {os.getloadavg()[0]:.1f}\n")
    tell("\n| slowest of the full build | s | slowest of the increment | s |\n|---|---|---|---|")
    for (one, name), (other, other_name) in zip(
        full[2]["model"][:SLOWEST], increment[2]["model"], strict=False
    ):
        tell(f"| {name} | {one:.2f} | {other_name} | {other:.2f} |")


HEAD = (
    "| what | wall, s | CPU, s | peak, MB | written, MB | yardstick | wall, s | CPU, s | peak, MB |"
    " written, MB | ratio, wall | ratio, CPU |\n" + "|---" * 12 + "|"
)


def line(row: Row) -> str:
    """Return a line of the table."""
    ratios = [
        f"{mine / its:.2f}" if mine is not None and its else "-"
        for mine, its in ((row.cost.wall, row.least.wall), (row.cost.cpu, row.least.cpu))
    ]
    return f"| {' | '.join([row.what, *_cells(row.cost), row.yardstick, *_cells(row.least), *ratios])} |"


def _cells(cost: Cost) -> list[str]:
    seconds = ["-" if value is None else f"{value:.2f}" for value in (cost.wall, cost.cpu)]
    return seconds + ["-" if value is None else f"{value / MB:,.0f}" for value in (cost.peak, cost.written)]


def _size(landing: Path) -> tuple[int, int]:
    """Return the messages of an export, and the bytes of all."""
    messages = sum(1 for path in landing.glob("demo/messages/*") for _ in path.open("rb"))
    return messages, sum(path.stat().st_size for path in landing.rglob("*") if path.is_file())


def _drop(news: Path, landing: Path) -> None:
    """Put the files of the new day into landing, beside those that are there."""
    for path in news.rglob("*.json*"):
        target = landing / path.relative_to(news)
        shutil.copy(path, target.with_name(f"day-{path.name}"))


def main() -> None:
    """Read the arguments, measure, print the table, and write it where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--conversations", type=int, default=20_000)
    parser.add_argument("--days", type=int, default=92, help="of history, before the day that is new")
    parser.add_argument("--memory-limit", default="4GB", help="DuckDB's")
    parser.add_argument("--out", type=Path, help="a file for the table, besides printing it")
    options = parser.parse_args()
    for name in [name for name in os.environ if name.startswith("CONVERSATIONS_")]:
        del os.environ[name]  # what is measured must not depend on how this machine is set up
    said: list[str] = []

    def tell(text: str) -> None:
        print(text, flush=True)
        said.append(text)

    limits = {"memory_limit": options.memory_limit, "threads": os.cpu_count(), "settle_seconds": 0}
    with tempfile.TemporaryDirectory(prefix="stages-") as work:
        measure(Path(work), options.conversations, options.days, limits, tell)
    if options.out:
        options.out.write_text("\n".join(said) + "\n")


if __name__ == "__main__":
    main()
