"""Compare the cost of a run in this checkout and in another one, on the same exports.

`python -m benchmarks.checkouts OTHER --landing FOLDER --day FOLDER` runs each case in the other
checkout, which needs a `.venv`, and then in this one. Both start with empty homes and read the same files.

Belongs here: the cases and the comparison. Does not: the cost of each stage (`stages`).
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.stages import step_times
from orchestration.settings import PROJECT

CASES = ("first run", "no changes", "changed times", "one more day")


@dataclass(frozen=True)
class Cost:
    """Wall and CPU seconds, the peak memory of the largest process in bytes, and the wall seconds by step."""

    wall: float
    cpu: float
    peak: int
    steps: dict[str, float]


def run(checkout: Path, home: Path) -> Cost:
    """Run the pipeline as a user does. Exit with its output if it fails."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CONVERSATIONS_")}
    environment |= {"CONVERSATIONS_HOME": str(home), "CONVERSATIONS_SETTLE_SECONDS": "0"}
    known = set(home.glob("dagster/history/runs/*-*.db"))
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            [checkout / ".venv" / "bin" / "python", "-m", "orchestration", "run"],
            cwd=checkout,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            sys.exit(f"{checkout}: run ended with {process.returncode}\n{output.read().decode()[-5000:]}")
    steps: dict[str, float] = {}
    for events in set(home.glob("dagster/history/runs/*-*.db")) - known:
        steps |= {step: end - start for step, (start, end) in step_times(events).items()}
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, steps)


def prepare(case: str, home: Path, landing: Path, day: Path) -> None:
    """Change the landing of a home for a case."""
    if case == "first run":
        shutil.copytree(landing, home / "landing", copy_function=os.link)
    elif case == "changed times":
        for path in (home / "landing").rglob("*.*"):
            content = path.read_bytes()
            path.unlink()
            path.write_bytes(content)
    elif case == "one more day":
        shutil.copytree(day, home / "landing", copy_function=os.link, dirs_exist_ok=True)


def main() -> None:
    """Measure every case in both checkouts and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("other", type=Path)
    parser.add_argument("--landing", type=Path, required=True)
    parser.add_argument("--day", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()))
    arguments = parser.parse_args()
    checkouts = {"other": arguments.other, "this": PROJECT}
    work = Path(tempfile.mkdtemp(prefix="checkouts-", dir=arguments.work))
    print(f"Load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores, {work}", flush=True)
    print("| case | wall, s: other | this | ratio | CPU, s: other | this | ratio | peak, MB: other | this |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    steps = []
    for case in CASES:
        costs = {}
        for name, checkout in checkouts.items():
            home = work / name
            prepare(case, home, arguments.landing, arguments.day)
            costs[name] = run(checkout, home)
            steps.append((case, name, costs[name].steps))
        other, this = costs["other"], costs["this"]
        cells = [case]
        for one, two in ((other.wall, this.wall), (other.cpu, this.cpu)):
            cells += [f"{one:.1f}", f"{two:.1f}", f"{two / one:.2f}"]
        cells += [f"{cost.peak / 1e6:.0f}" for cost in (other, this)]
        print(f"| {' | '.join(cells)} |", flush=True)
    for case, name, seconds in steps:
        print(f"\n{case}, {name}:", ", ".join(f"{step} {took:.1f} s" for step, took in seconds.items()))
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
