"""The progress output of a command: a line for each stage, with its counts and seconds.

Belongs here: stages, and the output of other programs such as dbt. Does not: the summary (see `summary`), nor
any figure of the release.

On a terminal, the current stage is a live line. Otherwise the output is plain text, with a line about the
current stage every 30 seconds. The output of dbt goes to Dagster's compute log; it is printed here with
`--verbose`, or if dbt fails.
"""

import io
import logging
import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TextIO

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

PROGRESS_SECONDS = 30  # between lines about the current stage, if the output is no terminal
NAMES = {
    "warehouse": "dbt",
    "quality_gate": "checks",
    "published__overview": "overview",
    "published__report": "report",
}
# `12 of 340 START sql table model main.fct_messages`: a line about one model, seed or test.
DBT_NODE = re.compile(r"(?:\d\d:\d\d:\d\d +)?(\d+) of (\d+) ([A-Z]+) (.*?)(?: \.*)?(?: \[.*)?$")
DBT_BAD = ("ERROR", "FAIL", "WARN")
INTERNAL_MESSAGES = (  # of Dagster, without use for a user
    "A dbt subsetted execution",
    "Dependencies for step",
    "did not yield or return expected outputs",
    "Running dbt command",
    "Finished dbt command",
)


@dataclass
class Stage:
    """A step of a run: its name, how it ended (`succeeded`, `failed`, `skipped`), seconds and counts."""

    name: str
    outcome: str = "running"
    seconds: float = 0
    counts: dict[str, int] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic, repr=False)

    def count(self, noun: str, number: int = 1) -> None:
        """Add to the count of a noun, which is given in the plural."""
        self.counts[noun] = self.counts.get(noun, 0) + number

    def as_dict(self) -> dict[str, Any]:
        """Return the stage for the summary in JSON."""
        return {"name": self.name, "outcome": self.outcome, "seconds": self.seconds, "counts": self.counts}

    @property
    def line(self) -> str:
        """The stage in one line: name, counts or outcome, seconds."""
        nouns = {
            noun: re.sub(r"s\b", "", noun, count=1) if n == 1 else noun for noun, n in self.counts.items()
        }
        counts = ", ".join(f"{number:,} {nouns[noun]}" for noun, number in self.counts.items())
        outcome = "" if self.outcome == "succeeded" else self.outcome.upper()
        return f"{self.name:10} {f'{outcome} {counts}'.strip() or 'done':72} {self.seconds:6.1f} s"


class RunOutput:
    """The output of one command, with the `stages` of its run.

    The command sets `result` to the result of Dagster, or `error` to the reason why nothing was run. With
    `as_json`, the summary is printed at the end as JSON, and progress lines go to the standard error.
    """

    def __init__(self, verbose: bool = False, as_json: bool = False) -> None:
        self.verbose, self.as_json = verbose, as_json
        self.settings: Any = None
        self.result: Any = None
        self.error: str | None = None
        self.stages: list[Stage] = []
        self.program_lines: list[str] = []
        self._began = time.monotonic()
        self._stage: Stage | None = None
        self._detail = ""
        self._last_line = time.monotonic()
        self._ended = threading.Event()
        self._file = _copy(sys.stderr if as_json else sys.stdout)
        self._console = Console(file=self._file, highlight=False, markup=False, emoji=False)
        self._live: Progress | None = None

    @property
    def seconds(self) -> float:
        """Seconds since the start of the command."""
        return round(time.monotonic() - self._began, 1)

    def open(self) -> None:
        """Start to show the current stage."""
        if self._console.is_terminal:
            columns = SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
            self._live = Progress(
                *columns, console=self._console, transient=True, redirect_stdout=False, redirect_stderr=False
            )
            self._live.start()
        else:
            threading.Thread(target=self._print_progress, daemon=True).start()

    def close(self) -> None:
        """Stop the live line. The current stage ends without a line."""
        self._ended.set()
        if self._stage:
            self._stage.outcome = "failed" if self.error else "succeeded"
            self._stage.seconds = round(time.monotonic() - self._stage.began, 1)
            self._stage = None
        if self._live:
            self._live.stop()
            self._live = None

    def print(self, line: str, style: str = "") -> None:
        """Print a line above the live line."""
        self._last_line = time.monotonic()
        self._console.print(Text(line, style=style), soft_wrap=True)

    def begin(self, name: str) -> None:
        """Begin a stage. The previous stage has succeeded if it has not ended."""
        if self._stage:
            self.end("succeeded")
        self._stage, self._detail = Stage(name), ""
        self.stages.append(self._stage)
        if self._live:
            self._live.add_task(f"{name:10}")

    def end(self, outcome: str) -> None:
        """End the current stage and print its line."""
        if (stage := self._stage) is None:
            return
        stage.outcome, stage.seconds = outcome, round(time.monotonic() - stage.began, 1)
        self._stage = None
        if self._live:
            for task in self._live.task_ids:
                self._live.remove_task(task)
        self.print(stage.line, "" if outcome == "succeeded" else "bold red")
        if outcome == "failed" and stage.name == NAMES["warehouse"] and not self.verbose:
            for line in self.program_lines:
                node = DBT_NODE.match(line)
                if not node or node[3] in DBT_BAD:
                    self.print(f"  {line}")
        self.program_lines.clear()

    def detail(self, text: str) -> None:
        """Show the current activity of the stage; with `--verbose`, also print it as a line."""
        if self.verbose and text:
            self.print(f"  {text}", "dim")
        self._show(text)

    def _show(self, text: str) -> None:
        self._detail = text
        if self._live and self._stage:
            for task in self._live.task_ids:
                self._live.update(task, description=f"{self._stage.name:10} {text[:80]}")

    def program_line(self, line: str) -> None:
        """Record a line printed by another program."""
        self.program_lines.append(line)
        if self.verbose:
            self.print(f"  {line}", "dim")
        if (node := DBT_NODE.match(line)) and self._stage:
            self._show(f"{node[1]} of {node[2]}  {node[4].split()[-1]}")

    def event(self, event: Any) -> None:
        """Begin, end or count for a stage, depending on an event of Dagster."""
        match event.event_type_value:
            case "STEP_START":
                self.begin(NAMES.get(event.step_key, event.step_key))
            case "STEP_SUCCESS":
                self.end("succeeded")
            case "STEP_FAILURE":
                self.end("failed")
            case "STEP_SKIPPED":
                self.begin(NAMES.get(event.step_key, event.step_key))
                self.end("skipped")
            case "ASSET_MATERIALIZATION" if self._stage:
                self._count_asset(event.step_materialization_data.materialization)
            case "ASSET_CHECK_EVALUATION" if self._stage and self._stage.name != NAMES["published__overview"]:
                check = event.asset_check_evaluation_data
                problem = "warned" if check.severity.value == "WARN" else "failed"
                self._stage.count("checks passed" if check.passed else f"checks {problem}")

    def _count_asset(self, asset: Any) -> None:
        key, metadata = asset.asset_key.to_user_string(), asset.metadata
        if key == "raw/ingested_files":
            self._stage.count("new files", metadata["files"].value)
            for status in ("accepted", "rejected"):
                self._stage.count(f"records {status}", metadata[f"records_{status}"].value)
        elif self._stage.name == NAMES["warehouse"]:
            self._stage.count("tables and views")
        elif self._stage.name == "publish":
            self._stage.count("tables")
            self._stage.count("rows", metadata["dagster/row_count"].value)
        elif self._stage.name == NAMES["published__report"]:
            self._stage.count("pages", metadata["pages"].value)

    @contextmanager
    def programs_captured(self) -> Iterator[None]:
        """Capture the standard output within this context as lines of a program."""
        before, descriptor = sys.stdout, _descriptor(sys.stdout)
        before.flush()
        kept = None if descriptor is None else os.dup(descriptor)
        if descriptor is not None:
            # Dagster also writes the captured compute log to the original standard output.
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, descriptor)
            os.close(null)
        sys.stdout = _Lines(before if descriptor is not None else None, self.program_line)
        try:
            yield
        finally:
            sys.stdout = before
            if kept is not None:
                before.flush()
                os.dup2(kept, descriptor)
                os.close(kept)

    def _print_progress(self) -> None:
        while not self._ended.wait(0.5):
            stage = self._stage
            if stage and time.monotonic() - self._last_line > PROGRESS_SECONDS:
                seconds = time.monotonic() - stage.began
                self.print(f"{stage.name:10} … {self._detail[:70]:70} {seconds:6.0f} s")


class _Lines(io.TextIOBase):
    """A stream that calls a function with each complete line and also writes to the replaced stream."""

    def __init__(self, before: TextIO | None, on_line: Any) -> None:
        self._before, self._on_line, self._rest = before, on_line, ""

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in filter(str.strip, lines):
            self._on_line(line)
        return self._before.write(text) if self._before else len(text)

    def flush(self) -> None:
        if self._before:
            self._before.flush()

    def fileno(self) -> int:
        if self._before is None:
            raise io.UnsupportedOperation("fileno")
        return self._before.fileno()


class StageHandler(logging.Handler):
    """Passes Dagster's events and the log messages of the steps to the output of the current run."""

    def emit(self, record: logging.LogRecord) -> None:
        """Show the record in the output of the current run, if there is one."""
        if _current is None:
            return
        meta = getattr(record, "dagster_meta", {})
        message = meta.get("orig_message") or record.getMessage()
        if event := meta.get("dagster_event"):
            _current.event(event)
        elif record.levelno < logging.INFO or any(part in message for part in INTERNAL_MESSAGES):
            return
        elif record.levelno >= logging.WARNING:
            _current.print(message, "yellow")
        else:
            _current.detail(message)


_current: RunOutput | None = None


@contextmanager
def run_output(verbose: bool = False, as_json: bool = False) -> Iterator[RunOutput]:
    """Yield the output of the current command, or a new one that is closed at the end of the context."""
    global _current
    if _current:
        yield _current
        return
    _current = RunOutput(verbose, as_json)
    try:
        _current.open()
        yield _current
    finally:
        _current.close()
        _current = None


def print_result(text: str) -> None:
    """Print the result of a command, also if the reader of the output ends before, such as `head`."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # The interpreter would print an error when it flushes the standard output at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _descriptor(stream: Any) -> int | None:
    with suppress(OSError, AttributeError, ValueError):
        return stream.fileno()
    return None


def _copy(stream: TextIO) -> TextIO:
    """Return a stream with the same target, which is unaffected if the standard output is redirected."""
    descriptor = _descriptor(stream)
    if descriptor is None:
        return stream
    stream.flush()
    return os.fdopen(os.dup(descriptor), "w", encoding=stream.encoding or "utf-8", buffering=1)
