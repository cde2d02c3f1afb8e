"""Kill runs at random moments and have the next run repair: `python -m benchmarks.kill [kills] [seed]`.

Belongs here: a small landing of two accounts with a published release and news, killing a run of it, and
holding what the next run publishes against a run that nobody disturbed. Does not: what readers look at
(`readers`).

Each kill starts from the same home: a release stands, and files of both accounts are new. The whole process
group gets SIGKILL, dbt included, so nothing can tidy up. Stages are killed in turn, so that the short ones
get their share, each at a random moment of the time that it took undisturbed.
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

from benchmarks.readers import look, looking_on
from orchestration.publish.reader import reader
from orchestration.publish.release import current_release
from orchestration.settings import PROJECT, Settings
from samples.generate import generate

ACCOUNTS = {"demo": 1, "other": 2}  # each with the seed of its records
NEWS = ("agents/2025-10-22.json", "conversations/2025-10-22-updates.jsonl", "messages/2025-10-late.jsonl")
BAD_LINE = '{"id": "m-bad", "timestamp": "never", "direction": "INBOUND"}\n'
NEW_AGENT = '{"id": "ag-new", "first_name": "Nuova", "last_name": "Persona"}\n'

# The stages of a run, each with what the run prints when it begins.
STAGES = {
    "start": r"",
    "ingest": r"  ingest  ",
    "build": r"  warehouse  ",
    "checks": r"Finished dbt command",
    "publish": r"  publish  ",
    "report": r"  publish +Published",
    "end": r"Wrote the report",
}
TARGETS = ("start", "ingest", "build", "checks", "publish", "report")
# What tells of a run or of its time, and so differs between any two.
OF_THE_RUN = {
    "ingested_files": ("batch_id", "ingested_at"),
    "rejected_records": ("batch_id", "rejected_at"),
    "quality_results": ("run_id", "checked_at", "expected", "found"),  # these name the release before
}
RELEASE = r"\d{8}T\d{6}Z-\w{8}"


@dataclass(frozen=True)
class Kill:
    """When a run was killed, in which stage, and what was wrong with the release then, if anything."""

    seconds: float
    stage: str
    wrong: str | None


@dataclass(frozen=True)
class Trial:
    """Kills in a row, what readers met meanwhile, and how the undisturbed run after them went."""

    kills: list[Kill]
    looks: int
    wrong: set[str]
    told: str
    is_repaired: bool


class Run:
    """A run of a home as a process group of its own, whose stage can be told at any time."""

    def __init__(self, settings: Settings, more: Mapping[str, str] = MappingProxyType({})) -> None:
        environment = os.environ | settings.environment() | more
        environment |= {
            "CONVERSATIONS_PROJECT": str(settings.project),
            "CONVERSATIONS_SETTLE_SECONDS": "0",
            "CONVERSATIONS_MAX_REJECTED_SHARE": "1",  # of few records, one is many
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
        """Wait for the end and return the exit code."""
        self.listener.join()
        return self.process.wait()

    def kill(self, stage: str, after: float) -> tuple[float, str]:
        """Kill all of it so many seconds after the stage began, or one after it where there is nothing to do.

        Return the second, and the stage that had then begun: `over` if the run was faster.
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

    def told(self) -> str:
        """Return what the run said of itself at its end, in a line."""
        said = [
            line.strip()
            for line in self.lines
            if re.search(r"new in this run|, new$|in place as|FAILED", line)
        ]
        return f"exit {self.process.returncode}: " + "; ".join(
            re.sub(r"^[A-Z]\w+ +", "", line) for line in said
        )


def prepare(folder: Path) -> tuple[Settings, Path]:
    """Publish a small landing of two accounts in `folder`; return its settings and the folder of the news."""
    project, home, news = folder / "project", folder / "home", folder / "news"
    for part in ("dbt_project", "models", "seeds"):
        shutil.copytree(PROJECT / part, project / part, ignore=shutil.ignore_patterns("target", "logs"))
    rows = "".join(f"{account},activecampaign,Europe/Rome\n" for account in ACCOUNTS)
    (project / "seeds" / "accounts.csv").write_text(f"account_id,platform,time_zone\n{rows}")
    settings = Settings(home=home, dagster=home / "dagster", project=project, threads=2)
    for account, seed in ACCOUNTS.items():
        generate(settings.landing_path, 60, seed, days=20, account=account, file_format="jsonl")
        for name in NEWS:
            target = news / account / name
            target.parent.mkdir(parents=True)
            (settings.landing_path / account / name).rename(target)
        with (news / account / "messages/2025-10-late.jsonl").open("a") as late:
            late.write(BAD_LINE)
        (news / account / "agents" / "new.jsonl").write_text(NEW_AGENT)
    run = Run(settings)
    assert run.finish() == 0, "".join(run.lines)
    return settings, news


def published(settings: Settings) -> dict[str, list[str]]:
    """Return the rows of every published table, in an order of their own, without what tells of the run."""
    release = current_release(settings)
    tables = {}
    with reader(settings) as connection:
        for table in release.rows:
            columns = ", ".join(OF_THE_RUN.get(table, ())) or None
            rest = f"* exclude ({columns})" if columns else "*"
            distinct = "distinct" if table == "quality_results" else ""  # a killed run may have checked too
            rows = connection.execute(f"select {distinct} {rest} from {table}").fetchall()
            tables[table] = sorted(map(repr, rows))
    return tables


def lying_about(settings: Settings) -> set[str]:
    """Return how many files each folder of the home holds, but for those of Dagster, dbt and the checks.

    All releases count as one: a run killed after its publication leaves a release more.
    """
    home = settings.home
    files = [path for path in home.rglob("*") if path.is_file() and "landing" not in path.parts]
    folders = Counter(str(path.parent.relative_to(home)) for path in files)
    return {
        f"{number} files in {re.sub(RELEASE, '<release>', folder)}"
        for folder, number in folders.items()
        if not folder.startswith(("dagster", "dbt", "quality"))
    }


class Laboratory:
    """A home to be killed again and again, each time from the same state, and what must come out."""

    def __init__(self, folder: Path) -> None:
        self.settings, self.news = prepare(folder)
        self.pristine = folder / "pristine"
        shutil.copytree(self.settings.home, self.pristine, symlinks=True)
        self.renew()
        undisturbed = Run(self.settings)
        assert undisturbed.finish() == 0, "".join(undisturbed.lines)
        self.expected, self.files = published(self.settings), lying_about(self.settings)
        ends = [*list(undisturbed.begins.values())[1:], time.monotonic() - undisturbed.began]
        self.lengths = {
            stage: end - begin for (stage, begin), end in zip(undisturbed.begins.items(), ends, strict=True)
        }

    def renew(self) -> None:
        """Put the home back to a published release and news."""
        shutil.rmtree(self.settings.home)
        shutil.copytree(self.pristine, self.settings.home, symlinks=True)
        shutil.copytree(self.news, self.settings.landing_path, dirs_exist_ok=True)

    def kill(self, stage: str, share: float) -> Kill:
        """Kill a run when this share of a stage is over, and look at the release."""
        seconds, reached = Run(self.settings).kill(stage, share * self.lengths[stage])
        return Kill(seconds, reached, look(self.settings))

    def trial(self, moments: list[tuple[str, float]]) -> Trial:
        """Kill a run at each of the moments (stage, share of it), and have a last one repair it all."""
        self.renew()
        with looking_on(self.settings, 1, pause=3) as looks:
            kills = [self.kill(stage, share) for stage, share in moments]
            last = Run(self.settings)
            code = last.finish()
        wrong = {
            problem for problem in [*(kill.wrong for kill in kills), *(met for *_, met in looks)] if problem
        }
        fault = "".join(last.lines[-40:]) if code else self.fault(self.settings)
        told = last.told() + (f"\n{fault}" if fault else "")
        return Trial(kills, len(looks) + len(kills), wrong, told, not fault)

    def fault(self, settings: Settings) -> str:
        """Return in what a home is not as the undisturbed run left it; empty if in nothing."""
        found = published(settings)
        differing = [table for table, rows in self.expected.items() if found.get(table) != rows]
        differing += sorted(lying_about(settings) ^ self.files)
        return "differs: " + ", ".join(differing) if differing else ""


def main(arguments: list[str] | None = None) -> int:
    """Kill so many runs, print what came of each and a table by stage; return 1 if any was not mended."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kills", type=int, nargs="?", default=50)
    parser.add_argument("seed", type=int, nargs="?", default=1)
    parser.add_argument("--in-a-row", type=int, default=3, help="kills before a run may go to its end")
    command = parser.parse_args(arguments)
    dice, trials = random.Random(command.seed), []  # noqa: S311
    rounds = (dice.sample(TARGETS, len(TARGETS)) for _ in count())
    moments = ((stage, dice.random()) for stages in rounds for stage in stages)
    with tempfile.TemporaryDirectory() as folder:
        laboratory = Laboratory(Path(folder))
        print(
            "undisturbed:", {stage: round(took, 1) for stage, took in laboratory.lengths.items()}, flush=True
        )
        while (left := command.kills - sum(len(trial.kills) for trial in trials)) > 0:
            trial = laboratory.trial(list(islice(moments, min(left, command.in_a_row))))
            trials.append(trial)
            killed = ", then ".join(f"{kill.seconds:.1f} s {kill.stage}" for kill in trial.kills)
            outcome = "repaired" if trial.is_repaired else "NOT REPAIRED"
            print(f"killed at {killed}; {trial.looks} looks; {outcome}, {trial.told}", *sorted(trial.wrong))
            sys.stdout.flush()
    print("\n| killed during | kills | repaired in the end | release readable |\n|---|---|---|---|")
    for stage in [*STAGES, "over"]:
        those = [(kill, trial) for trial in trials for kill in trial.kills if kill.stage == stage]
        if those:
            repaired = sum(trial.is_repaired for _, trial in those)
            readable = sum(kill.wrong is None for kill, _ in those)
            print(f"| {stage} | {len(those)} | {repaired} | {readable} |")
    print(f"{sum(trial.looks for trial in trials)} looks at the release")
    return int(any(trial.wrong or not trial.is_repaired for trial in trials))


if __name__ == "__main__":
    sys.exit(main())
