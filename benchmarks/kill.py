"""Kill runs at random moments and repair them with the next run: `python -m benchmarks.kill [kills] [seed]`.

Belongs here: a small home of two accounts with a release and new files, killing a run, and comparing the
result of the next run with that of an uninterrupted run. Does not: the queries of readers (`readers`).

Each trial starts from the same home, which has a release and new files of both accounts. The whole process
group gets SIGKILL, including dbt, so that no process can clean up. The stages take turns, so that short
stages are killed as often as long ones, each at a random moment of its uninterrupted duration.
"""

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from types import MappingProxyType

from benchmarks.readers import read_release, reading
from orchestration.publish.reader import reader
from orchestration.publish.release import current_release
from orchestration.settings import PROJECT, Settings
from samples.generate import generate

ACCOUNTS = {"demo": 1, "other": 2}  # the seed of the sample by account
NEW_FILES = (
    "agents/2025-10-22.json",
    "conversations/2025-10-22-updates.jsonl",
    "messages/2025-10-late.jsonl",
)
BAD_LINE = '{"id": "m-bad", "timestamp": "never", "direction": "INBOUND"}\n'
NEW_AGENT = '{"id": "ag-new", "first_name": "Nuova", "last_name": "Persona"}\n'

# The stages of a run, and the line that marks the start of each: a stage begins when the one before it has
# ended. A line about a stage that still runs contains an ellipsis.
STAGES = {
    "start": r"",
    "ingest": r"^start +[^… ]",
    "build": r"^ingest +[^… ]",
    "checks": r"^dbt +[^… ]",
    "publish": r"^checks +[^… ]",
    "report": r"^publish +[^… ]",
    "overview": r"^report +[^… ]",
    "end": r"^overview +[^… ]",
}
TARGETS = ("start", "ingest", "build", "checks", "publish", "report")
# Columns that differ between any two runs: ids and times.
RUN_COLUMNS = {"build_id", "batch_id", "ingested_at", "rejected_at", "run_id", "checked_at"}
# Check results refer to the previous release and to the rows added since.
RELEASE_COLUMNS = {"expected", "found"}
RELEASE = r"\d{8}T\d{6}Z-\w{8}"


@dataclass(frozen=True)
class Kill:
    """The second and the stage in which a run was killed, and the problem of the release then, if any."""

    seconds: float
    stage: str
    problem: str | None


@dataclass(frozen=True)
class Trial:
    """Consecutive kills, the problems that readers found meanwhile, and the result of the run after them."""

    kills: list[Kill]
    reads: int
    problems: set[str]
    result: str
    is_repaired: bool


class Run:
    """A run in a separate process group, with the time at which each stage began."""

    def __init__(self, settings: Settings, more: Mapping[str, str] = MappingProxyType({})) -> None:
        environment = os.environ | settings.environment() | more
        environment |= {
            "CONVERSATIONS_PROJECT": str(settings.project),
            "CONVERSATIONS_SETTLE_SECONDS": "0",
            "CONVERSATIONS_MAX_REJECTED_SHARE": "1",  # one of few records is a large share
            "DAGSTER_HOME": str(PROJECT),
        }
        self.began = time.monotonic()
        self.begins = {"start": 0.0}
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "orchestration", "run"],
            cwd=PROJECT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.listener = threading.Thread(target=self._listen)
        self.listener.start()

    def _listen(self) -> None:
        for line in self.process.stdout:
            self.lines.append(line)
            for stage, sign in STAGES.items():
                if stage not in self.begins and re.search(sign, line):
                    self.begins[stage] = time.monotonic() - self.began

    def finish(self) -> int:
        """Wait for the run to end and return its exit code."""
        self.listener.join()
        return self.process.wait()

    def kill(self, stage: str, after: float) -> tuple[float, str]:
        """Kill the process group some seconds after a stage began, or after a later stage if it is skipped.

        Return the second of the run and the current stage, `over` if the run had ended.
        """
        later = list(STAGES)[list(STAGES).index(stage) :]
        while not self.begins.keys() & later and self.process.poll() is None:
            time.sleep(0.005)
        begun = min((self.begins[name] for name in later if name in self.begins), default=0.0)
        time.sleep(max(0.0, self.began + begun + after - time.monotonic()))
        seconds = time.monotonic() - self.began
        is_over = self.process.poll() is not None
        reached = "over" if is_over else max(self.begins, key=list(STAGES).index)
        if not is_over:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.finish()
        return seconds, reached

    def summary(self) -> str:
        """Return the exit code and the summary of the run in one line."""
        lines = [
            line.strip()
            for line in self.lines
            if re.search(r"new in this run|, new$|in place as|FAILED", line)
        ]
        return f"exit {self.process.returncode}: " + "; ".join(
            re.sub(r"^[A-Z]\w+ +", "", line) for line in lines
        )


def prepare(folder: Path) -> tuple[Settings, Path]:
    """Publish a small landing of two accounts in `folder`. Return the settings and the new files."""
    project, home, new_files = folder / "project", folder / "home", folder / "new_files"
    for part in ("dbt_project", "models", "seeds"):
        shutil.copytree(PROJECT / part, project / part, ignore=shutil.ignore_patterns("target", "logs"))
    rows = "".join(f"{account},activecampaign,Europe/Rome\n" for account in ACCOUNTS)
    (project / "seeds" / "accounts.csv").write_text(f"account_id,platform,time_zone\n{rows}")
    settings = Settings(home=home, dagster=home / "dagster", project=project, threads=2)
    for account, seed in ACCOUNTS.items():
        generate(settings.landing_path, 60, seed, days=20, account=account, file_format="jsonl")
        for name in NEW_FILES:
            target = new_files / account / name
            target.parent.mkdir(parents=True)
            (settings.landing_path / account / name).rename(target)
        with (new_files / account / "messages/2025-10-late.jsonl").open("a") as late:
            late.write(BAD_LINE)
        (new_files / account / "agents" / "new.jsonl").write_text(NEW_AGENT)
    run = Run(settings)
    assert run.finish() == 0, "".join(run.lines)
    return settings, new_files


def published(settings: Settings) -> dict[str, list[str]]:
    """Return the sorted rows of every published table, without the columns that differ between runs."""
    release = current_release(settings)
    tables = {}
    with reader(settings) as connection:
        for table in release.rows:
            of_checks = table == "quality_results"  # a killed run may have checked too
            excluded = list(RUN_COLUMNS | (RELEASE_COLUMNS if of_checks else set()))
            columns = f"columns(lambda name: not list_contains({excluded}, name))"
            distinct = "distinct" if of_checks else ""
            rows = connection.execute(f"select {distinct} {columns} from {table}").fetchall()
            tables[table] = sorted(map(repr, rows))
    return tables


def file_counts(settings: Settings) -> set[str]:
    """Return the number of files in each folder of the home, except those of Dagster, dbt and the checks.

    All releases count as one, because a run that is killed after its publication leaves one more release. The
    reports of that release can be incomplete, so only those of the current release count.
    """
    home, current = settings.home, current_release(settings).folder
    files = [path for path in home.rglob("*") if path.is_file() and "landing" not in path.parts]
    folders = Counter(str(path.parent.relative_to(home)) for path in files)
    return {
        f"{number} files in {re.sub(RELEASE, '<release>', folder)}"
        for folder, number in folders.items()
        if not folder.startswith(("dagster", "dbt", "quality"))
        and (not folder.endswith("/report") or current in folder)
    }


class TrialHome:
    """A home for repeated trials from the same state, and the expected result."""

    def __init__(self, folder: Path) -> None:
        self.settings, self.new_files = prepare(folder)
        self.pristine = folder / "pristine"
        shutil.copytree(self.settings.home, self.pristine, symlinks=True)
        self.restore()
        uninterrupted = Run(self.settings)
        assert uninterrupted.finish() == 0, "".join(uninterrupted.lines)
        self.expected, self.files = published(self.settings), file_counts(self.settings)
        ends = [*list(uninterrupted.begins.values())[1:], time.monotonic() - uninterrupted.began]
        self.lengths = {
            stage: end - begin for (stage, begin), end in zip(uninterrupted.begins.items(), ends, strict=True)
        }

    def restore(self) -> None:
        """Restore the home with its release and new files."""
        shutil.rmtree(self.settings.home)
        shutil.copytree(self.pristine, self.settings.home, symlinks=True)
        shutil.copytree(self.new_files, self.settings.landing_path, dirs_exist_ok=True)

    def kill(self, stage: str, share: float) -> Kill:
        """Kill a run after this share of a stage, and read the release."""
        seconds, reached = Run(self.settings).kill(stage, share * self.lengths[stage])
        return Kill(seconds, reached, read_release(self.settings))

    def trial(self, moments: list[tuple[str, float]]) -> Trial:
        """Kill a run at each of the moments (stage and share of it). A last run then repairs the home."""
        self.restore()
        with reading(self.settings, 1, pause=3) as reads:
            kills = [self.kill(stage, share) for stage, share in moments]
            last = Run(self.settings)
            code = last.finish()
        problems = {
            problem
            for problem in [*(kill.problem for kill in kills), *(found for *_, found in reads)]
            if problem
        }
        difference = "".join(last.lines[-40:]) if code else self.difference(self.settings)
        result = last.summary() + (f"\n{difference}" if difference else "")
        return Trial(kills, len(reads) + len(kills), problems, result, not difference)

    def difference(self, settings: Settings) -> str:
        """Return the differences from the home of the uninterrupted run; empty if there are none."""
        found = published(settings)
        differing = [table for table, rows in self.expected.items() if found.get(table) != rows]
        differing += sorted(file_counts(settings) ^ self.files)
        return "differs: " + ", ".join(differing) if differing else ""


def main(arguments: list[str] | None = None) -> int:
    """Kill runs, print the result of each and a table by stage. Return 1 if a home was not repaired."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kills", type=int, nargs="?", default=50)
    parser.add_argument("seed", type=int, nargs="?", default=1)
    parser.add_argument("--in-a-row", type=int, default=3, help="kills before a run is completed")
    command = parser.parse_args(arguments)
    rng, trials = random.Random(command.seed), []  # noqa: S311
    rounds = (rng.sample(TARGETS, len(TARGETS)) for _ in count())
    moments = ((stage, rng.random()) for stages in rounds for stage in stages)
    with tempfile.TemporaryDirectory() as folder:
        trial_home = TrialHome(Path(folder))
        print(
            "uninterrupted:",
            {stage: round(took, 1) for stage, took in trial_home.lengths.items()},
            flush=True,
        )
        while (left := command.kills - sum(len(trial.kills) for trial in trials)) > 0:
            trial = trial_home.trial(list(islice(moments, min(left, command.in_a_row))))
            trials.append(trial)
            killed = ", then ".join(f"{kill.seconds:.1f} s {kill.stage}" for kill in trial.kills)
            outcome = "repaired" if trial.is_repaired else "NOT REPAIRED"
            print(
                f"killed at {killed}; {trial.looks} reads; {outcome}, {trial.result}", *sorted(trial.problems)
            )
            sys.stdout.flush()
    print("\n| killed during | kills | repaired by the next run | release readable |\n|---|---|---|---|")
    for stage in [*STAGES, "over"]:
        those = [(kill, trial) for trial in trials for kill in trial.kills if kill.stage == stage]
        if those:
            repaired = sum(trial.is_repaired for _, trial in those)
            readable = sum(kill.problem is None for kill, _ in those)
            print(f"| {stage} | {len(those)} | {repaired} | {readable} |")
    print(f"{sum(trial.reads for trial in trials)} reads of the release")
    return int(any(trial.problems or not trial.is_repaired for trial in trials))


if __name__ == "__main__":
    sys.exit(main())
