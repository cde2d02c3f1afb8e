"""Measure the cost of every stage against a baseline: `make bench`.

Belongs here: an export of any size and one more day of it, the stages as a user runs them, and the
measurement of each stage and its baseline on the same data. Does not: the SQL of the baselines
(`baselines`).

The cost of a command includes its start and all its processes. The cost of a Python function excludes imports
and is measured in a separate process. Peak memory is that of the largest process. Written bytes include files
that are deleted later. On a busy machine, wall times are upper bounds; CPU times are less affected.
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

from benchmarks import baselines
from orchestration.common.candidate_files import discard_candidate
from orchestration.ingest.platforms import PLATFORMS
from orchestration.settings import PROJECT, Settings
from samples.generate import generate

NEW_DAY = date(2025, 12, 1)  # a Monday and the first of a month, so that its records are in separate files
RECENT = timedelta(days=7)  # updates and late messages of conversations up to this age belong to the new day
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
SAMPLE_EVERY_SECONDS = 0.2
BIN = Path(sys.executable).parent
MB = 1_000_000


@dataclass(frozen=True)
class Cost:
    """Wall and CPU seconds, and the peak memory and the written data in bytes."""

    wall: float
    cpu: float | None = None
    peak: int | None = None
    written: int | None = None

    def __add__(self, other: "Cost") -> "Cost":
        """Return the cost of both, one after the other."""
        return Cost(
            self.wall + other.wall,
            self.cpu + other.cpu,
            max(self.peak, other.peak),
            self.written + other.written,
        )


@dataclass(frozen=True)
class Row:
    """A row of the table: a stage and its baseline."""

    what: str
    cost: Cost
    baseline: str
    baseline_cost: Cost


def command(settings: Settings, *arguments: object, samples: list[tuple[float, float]] | None = None) -> Cost:
    """Run a command in the project and return its cost. Exit with its output if it fails.

    The function appends times (`time.time`) and the CPU seconds until then to `samples`.
    """
    environment = os.environ | settings.environment() | {"CONVERSATIONS_SETTLE_SECONDS": "0"}
    folder = PROJECT / "dbt_project" if Path(str(arguments[0])).name == "dbt" else PROJECT
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            [str(argument) for argument in arguments],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        ended = os.WEXITED | os.WNOWAIT
        while samples is not None and not os.waitid(os.P_PID, process.pid, ended | os.WNOHANG):
            samples.append((time.time(), _seconds_of_tree(process.pid)))
            time.sleep(SAMPLE_EVERY_SECONDS)
        os.waitid(os.P_PID, process.pid, ended)
        wall, written = time.perf_counter() - start, _written(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            sys.exit(f"{process.args} ended with {process.returncode}:\n{output.read().decode()[-5000:]}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, written)


def in_process(prepare: Callable[[], Callable[[], object]], times: int = 1) -> Cost:
    """Measure only the function that `prepare` returns, in a separate process. Return the best of `times`."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe(duplex=False)
    process = spawn.Process(target=_call, args=(prepare, times, theirs))
    process.start()
    process.join()
    if process.exitcode:
        sys.exit(f"{prepare} ended with {process.exitcode}")
    return ours.recv()


def _call(prepare: Callable[[], Callable[[], object]], times: int, theirs: Connection) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # hides the progress bars of the engine
    act, costs = prepare(), []
    for _ in range(times):
        wall, cpu, written = time.perf_counter(), time.process_time(), _written("self")
        act()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        costs.append(
            Cost(time.perf_counter() - wall, time.process_time() - cpu, peak, _written("self") - written)
        )
    theirs.send(min(costs, key=lambda cost: cost.cpu))
    os._exit(0)  # on a normal exit the engine reports open connections as errors


def _written(process: int | str) -> int:
    return int(Path(f"/proc/{process}/io").read_text().split("wchar: ")[1].split()[0])


def _seconds_of_tree(root: int) -> float:
    """Return the CPU seconds of a process and all its descendants, including those that have ended."""
    parents, ticks = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(") ")[2].split()
        except OSError:  # the process has ended
            continue
        pid = int(path.parent.name)
        parents[pid], ticks[pid] = int(fields[1]), sum(map(int, fields[11:15]))
    family = {root}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    return sum(ticks.get(pid, 0) for pid in family) / os.sysconf("SC_CLK_TCK")


def sql(settings: Settings, script: str, database: Path | None = None, read_only: bool = False):
    """Prepare an SQL script on DuckDB with the limits of the settings."""
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
    """Prepare the first release of a copy of a candidate, which shares no file with an earlier release."""
    from orchestration.publish.store import publish

    settings.home.mkdir()
    settings.candidate_path.hardlink_to(candidate)
    return partial(publish, settings, {"passed": [], "warned": []})


def copy(files: list[Path], target: Path):
    """Prepare a copy of these files to a folder, with fsync."""

    def run() -> None:
        target.mkdir()
        for number, file in enumerate(files):
            with file.open("rb") as source, (target / str(number)).open("wb") as sink:
                shutil.copyfileobj(source, sink, 1 << 20)
                sink.flush()
                os.fsync(sink.fileno())

    return run


def exports(folder: Path, conversations: int, days: int, threads: int):
    """Prepare the exports in a separate process, because commands inherit the peak memory of this process."""
    return partial(_make_exports, folder, conversations, days, threads)


def _make_exports(folder: Path, conversations: int, days: int, threads: int) -> None:
    """Write `history`, an export of some days in monthly files, and `new_day`, the export of the next day.

    The new day includes the contacts who wrote on it and the updates of recent conversations.
    """
    first_day = NEW_DAY - timedelta(days=days)
    generate(folder / "all", conversations, 1, first_day, days + 1, file_format="jsonl", threads=threads)
    month, since = f"{NEW_DAY:%Y-%m}", str(NEW_DAY - RECENT)
    account = folder / "all" / "demo"
    started = list(_records(account / "conversations" / f"{month}.jsonl"))
    updates = account.glob("conversations/*-updates.jsonl")
    updated = {record["id"] for path in updates for record in _records(path) if record["created_on"] >= since}
    is_new = {
        "agents": lambda record: False,
        "contacts": lambda record, wrote={record["contact"] for record in started}: record["id"] in wrote,
        "conversations": lambda record: record["id"] in updated,
        "conversation_events": lambda record: record["conversation"] in updated,
        "messages": lambda record: record["timestamp"] >= since,
    }
    for path in account.glob("*/*"):
        entity = path.parent.name
        with path.open() as lines:
            if path.stem == month and entity != "contacts":
                _write(folder / "new_day", path, lines)
            elif entity in ("contacts", "agents") or path.stem.endswith(("-late", "-updates")):
                parts: dict[bool, list[str]] = {True: [], False: []}
                for line in lines:
                    parts[is_new[entity](json.loads(line))].append(line)
                created = f'"created_on":"{NEW_DAY:%d/%m/%Y}'
                known = [line for line in parts[True] if entity == "contacts" and created not in line]
                _write(folder / "new_day", path, parts[True])
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
    """Ingest the whole history, and its messages alone in each codec."""
    settings = Settings(home=work / "ingest-all", landing=str(history), **limits)
    script = ";\n".join(
        baselines.copy_to_parquet(
            entity, sorted((history / "demo" / name).glob("*")), work / f"{name}.parquet"
        )
        for name, entity in ENTITIES.items()
        if name != "agents"
    )
    bare = in_process(partial(sql, settings, script))
    yield Row(
        "ingest, all entities, .jsonl", in_process(partial(ingest, settings)), "`copy (read_json)`", bare
    )
    files = sorted((history / "demo" / "messages").glob("*.jsonl"))
    script = baselines.copy_to_parquet(ENTITIES["messages"], files, work / "bare.parquet")
    bare = in_process(partial(sql, settings, script))
    for codec in ("", *CODECS):
        landing = work / f"landing{codec}"
        folder = landing / "demo" / "messages"
        folder.mkdir(parents=True)
        settings = Settings(home=work / f"ingest{codec}", landing=str(landing), **limits)
        baseline_cost, named = bare, "`copy (read_json)`"
        for file in files:
            shutil.copy(file, folder)
            if codec:
                program, level = CODECS[codec]
                packed = folder / f"{file.name}.{codec}"
                with packed.open("wb") as sink:
                    subprocess.run([program, level, "-c", folder / file.name], stdout=sink, check=True)
                (folder / file.name).unlink()
                baseline_cost += command(settings, "sh", "-c", f"{program} -dc '{packed}' > /dev/null")
                named = f"the same + `{program} -dc`"
        cost = in_process(partial(ingest, settings))
        suffix = f".jsonl.{codec}" if codec else ".jsonl"
        yield Row(f"ingest, messages, {suffix}", cost, named, baseline_cost)
        shutil.rmtree(landing)


def stages(settings: Settings) -> tuple[Cost, dict[str, Cost], dict]:
    """Run the pipeline as a user does. Return the total cost, the cost by stage, and the results of dbt."""
    samples: list[tuple[float, float]] = []
    known = set(settings.dagster_path.glob("history/runs/*-*.db"))
    cost = command(settings, BIN / "python", "-m", "orchestration", "run", samples=samples)
    [run] = set(settings.dagster_path.glob("history/runs/*-*.db")) - known
    steps = {}
    for step, (start, end) in step_times(run).items():
        steps[step] = Cost(end - start, _spent(samples, end, cost.cpu) - _spent(samples, start, cost.cpu))
    inside = [steps[step] for step in STEPS]
    steps["rest"] = Cost(
        cost.wall - sum(step.wall for step in inside), cost.cpu - sum(step.cpu for step in inside)
    )
    return cost, steps, dbt_results(settings)


def step_times(run: Path) -> dict[str, tuple[float, float]]:
    """Return the start and end (`time.time`) of each step of a run, from the events of the run."""
    with closing(sqlite3.connect(run)) as log:
        events = log.execute(
            "select step_key, min(timestamp), max(timestamp) from event_logs"
            " where dagster_event_type in ('STEP_START', 'STEP_SUCCESS') group by step_key"
        ).fetchall()
    return {
        step: tuple(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp() for moment in moments)
        for step, *moments in events
    }


def _spent(samples: list[tuple[float, float]], moment: float, total: float) -> float:
    """Return the CPU seconds until a moment, interpolated between two samples."""
    for (before, less), (after, more) in pairwise(samples):
        if before <= moment <= after:
            return less + (more - less) * (moment - before) / (after - before)
    return total if moment > samples[-1][0] else 0.0


def dbt_results(settings: Settings) -> dict[str, list[tuple[float, str]]]:
    """Return the seconds and names of the nodes that dbt last executed, by kind, slowest first."""
    results: dict[str, list[tuple[float, str]]] = {}
    for result in json.loads((settings.dbt_target_path / "run_results.json").read_text())["results"]:
        kind, _, name = result["unique_id"].split(".", 2)
        results.setdefault(kind, []).append((result["execution_time"], name))
    return {kind: sorted(found, reverse=True) for kind, found in results.items()}


def dbt_rows(work: Path, settings: Settings) -> Iterator[Row]:
    """Build all models from the ingested files in a separate home. The baseline only builds conversations."""
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
    script = baselines.conversations(settings.raw_path)
    baseline_cost = in_process(partial(sql, settings, script, work / "conversations.duckdb"))
    yield Row(
        "`dbt build` of seeds and models, parsed before",
        cost,
        "one script, conversations only",
        baseline_cost,
    )
    yield Row("its models alone (run_results.json)", Cost(models), "the same script", baseline_cost)


def increment_rows(full: tuple, increment: tuple) -> Iterator[Row]:
    """Compare the run with one more day with the full run."""
    yield Row("one more day, `orchestration run`", increment[0], "the full run", full[0])
    for step, name in (STEPS | {"rest": "start, parse, Dagster, summary"}).items():
        yield Row(f"— {name}", increment[1][step], "the same of the full run", full[1][step])
    for kind in ("model", "test"):
        inner, all_of_it = (Cost(sum(s for s, _ in run[2][kind])) for run in (increment, full))
        yield Row(f"— dbt, {kind}s (run_results.json)", inner, "the same of the full run", all_of_it)


def small_rows(work: Path, limits: dict) -> Iterator[Row]:
    """Run the shipped sample in a new home; the baseline is `dbt build` of the same data."""
    settings = Settings(home=work / "small", **limits)
    cost = command(settings, BIN / "python", "-m", "orchestration", "run")
    discard_candidate(settings)
    shutil.rmtree(settings.dbt_target_path)
    arguments = ("--target-path", settings.dbt_target_path, "--log-path", settings.dbt_target_path)
    baseline_cost = command(
        settings, BIN / "dbt", *DBT_BUILD, "--exclude-resource-type", "unit_test", *arguments
    )
    yield Row("the shipped sample, first run", cost, "`dbt build` of the same", baseline_cost)


def report_rows(settings: Settings) -> Iterator[Row]:
    """Query the four reports for the last quarter; the baselines are queries tuned by hand."""
    first, last = str(NEW_DAY - timedelta(days=91)), str(NEW_DAY)
    file = settings.published_path / "reports.duckdb"
    for report, tuned in baselines.reports(first, last).items():
        asked = f"from {report}('{first}', '{last}')"
        _require_same(file, asked, tuned)
        cost, baseline_cost = (
            in_process(partial(sql, settings, query, file, True), times=3) for query in (asked, tuned)
        )
        yield Row(f"{report}, 92 days", cost, "the same, tuned by hand", baseline_cost)


def _require_same(file: Path, one: str, other: str) -> None:
    """Exit if two queries do not return the same rows, in any order of columns."""
    with duckdb.connect(file, read_only=True) as connection:
        frames = []
        for query in (one, other):
            names = sorted(name for name, *_ in connection.execute(query).description)
            frames.append(connection.execute(f"select {', '.join(names)} from ({query}) order by all").df())
    try:
        pandas.testing.assert_frame_equal(*frames, check_dtype=False)
    except AssertionError as error:
        sys.exit(f"the tuned query differs from {one}: {error}")


def published_files(settings: Settings) -> list[Path]:
    """Return the files of the current release: the database and the Parquet files."""
    folder = max((settings.published_path / "releases").iterdir())
    parquet = (path for path in sorted(folder.rglob("*.parquet")) if path.is_file())
    return [settings.published_path / "reports.duckdb", *parquet]


def measure(work: Path, conversations: int, days: int, limits: dict, show: Callable[[str], None]) -> None:
    """Measure all stages in a folder, and print each row of the table as soon as it is known."""

    def rows(found: Iterator[Row]) -> None:
        for row in found:
            show(line(row))

    in_process(partial(exports, work, conversations, days, limits["threads"]))
    history, new_day = work / "history", work / "new_day"
    messages, size = _size(history)
    show(
        f"{conversations:,} conversations over {days} days and one more; in the first {messages:,} messages,"
        f" {size / MB:,.0f} MB"
    )
    shown_limits = ", ".join(f"{name} {value}" for name, value in limits.items())
    show(f"{platform.system()} {platform.machine()}, Python {platform.python_version()},")
    show(f"duckdb {duckdb.__version__}, {shown_limits}")
    show(f"\nload at the start {os.getloadavg()[0]:.1f}\n")
    show(HEAD)
    rows(ingest_rows(work, history, limits))
    settings = Settings(home=work / "home", **limits)
    shutil.copytree(history, settings.landing_path, copy_function=os.link)
    full = stages(settings)
    rows(dbt_rows(work, settings))
    _add_to_landing(new_day, settings.landing_path)
    increment = stages(settings)
    rows(increment_rows(full, increment))
    nothing = command(settings, BIN / "python", "-m", "orchestration", "run")
    baseline_cost = command(settings, BIN / "dbt", "--version") + command(
        settings, BIN / "python", "-c", "import dagster"
    )
    show(line(Row("no changes", nothing, "`dbt --version` + `import dagster`", baseline_cost)))
    script = baselines.gate(settings)
    baseline_cost = in_process(partial(sql, settings, script, settings.candidate_path, True))
    show(line(Row("gate", in_process(partial(gate, settings)), "the same predicates in SQL", baseline_cost)))
    alone = Settings(home=work / "publish-alone", **limits)
    cost = in_process(partial(publish, settings.candidate_path, alone))
    baseline_cost = in_process(partial(copy, published_files(settings), work / "copied"))
    show(line(Row("publish", cost, "copy of the release, fsync", baseline_cost)))
    rows(report_rows(settings))
    rows(small_rows(work, limits))
    show(f"\nload at the end {os.getloadavg()[0]:.1f}\n")
    show("\n| slowest of the full build | s | slowest of the increment | s |\n|---|---|---|---|")
    for (one, name), (other, other_name) in zip(
        full[2]["model"][:SLOWEST], increment[2]["model"], strict=False
    ):
        show(f"| {name} | {one:.2f} | {other_name} | {other:.2f} |")


HEAD = (
    "| what | wall, s | CPU, s | peak, MB | written, MB | baseline | wall, s | CPU, s | peak, MB |"
    " written, MB | ratio, wall | ratio, CPU |\n" + "|---" * 12 + "|"
)


def line(row: Row) -> str:
    """Return a row of the table as Markdown."""
    ratios = [
        f"{mine / its:.2f}" if mine is not None and its else "-"
        for mine, its in ((row.cost.wall, row.baseline_cost.wall), (row.cost.cpu, row.baseline_cost.cpu))
    ]
    return (
        f"| {' | '.join([row.what, *_cells(row.cost), row.baseline, *_cells(row.baseline_cost), *ratios])} |"
    )


def _cells(cost: Cost) -> list[str]:
    seconds = ["-" if value is None else f"{value:.2f}" for value in (cost.wall, cost.cpu)]
    return seconds + ["-" if value is None else f"{value / MB:,.0f}" for value in (cost.peak, cost.written)]


def _size(landing: Path) -> tuple[int, int]:
    """Return the number of messages of an export and its total bytes."""
    messages = sum(1 for path in landing.glob("demo/messages/*") for _ in path.open("rb"))
    return messages, sum(path.stat().st_size for path in landing.rglob("*") if path.is_file())


def _add_to_landing(new_day: Path, landing: Path) -> None:
    """Add the files of the new day to landing."""
    for path in new_day.rglob("*.json*"):
        target = landing / path.relative_to(new_day)
        shutil.copy(path, target.with_name(f"day-{path.name}"))


def main() -> None:
    """Measure all stages, print the table, and write it to `--out`."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--conversations", type=int, default=20_000)
    parser.add_argument("--days", type=int, default=92, help="days of history before the new day")
    parser.add_argument("--memory-limit", default="4GB", help="memory limit of DuckDB")
    parser.add_argument("--out", type=Path, help="a file for the table")
    options = parser.parse_args()
    for name in [name for name in os.environ if name.startswith("CONVERSATIONS_")]:
        del os.environ[name]  # the result must not depend on the settings of this machine
    lines: list[str] = []

    def show(text: str) -> None:
        print(text, flush=True)
        lines.append(text)

    limits = {"memory_limit": options.memory_limit, "threads": os.cpu_count(), "settle_seconds": 0}
    with tempfile.TemporaryDirectory(prefix="stages-") as work:
        measure(Path(work), options.conversations, options.days, limits, show)
    if options.out:
        options.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
