"""What a run prints while it works: a line for each stage, with its counts and the time that it took.

Belongs here: stages, and the lines of other programs such as dbt. Does not: the summary (see `summary`), nor
any figure of the release.

On a terminal the stage that runs is a live line; elsewhere the output is plain text, with a line about the
stage every few seconds. What dbt prints goes to Dagster's compute log; here it appears if it is asked for, or
if dbt fails.
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

SILENCE_SECONDS = 2.5
NAMES = {
    "warehouse": "dbt",
    "quality_gate": "checks",
    "published__overview": "overview",
    "published__report": "report",
}
# `12 of 340 START sql table model main.fct_messages`: a line about one model, seed or test.
DBT_NODE = re.compile(r"(?:\d\d:\d\d:\d\d +)?(\d+) of (\d+) ([A-Z]+) (.*?)(?: \.*)?(?: \[.*)?$")
DBT_BAD = ("ERROR", "FAIL", "WARN")
REMARKS = (  # of Dagster, to itself
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
        """Add to the count of this noun, which is in the plural."""
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
    """The output of one command: `stages` are those of the run.

    The command leaves Dagster's `result` here, or the `error` for which nothing was run. With `as_json` the
    summary is printed at the end, in JSON, and all else goes to the standard error.
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
        """How long the command has taken so far."""
        return round(time.monotonic() - self._began, 1)

    def open(self) -> None:
        """Begin to show the stage that runs."""
        if self._console.is_terminal:
            columns = SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
            self._live = Progress(
                *columns, console=self._console, transient=True, redirect_stdout=False, redirect_stderr=False
            )
            self._live.start()
        else:
            threading.Thread(target=self._break_silence, daemon=True).start()

    def close(self) -> None:
        """End the live line; a stage that goes on ends without a line."""
        self._ended.set()
        if self._stage:
            self._stage.outcome = "failed" if self.error else "succeeded"
            self._stage.seconds = round(time.monotonic() - self._stage.began, 1)
            self._stage = None
        if self._live:
            self._live.stop()
            self._live = None

    def print(self, line: str, style: str = "") -> None:
        """Print a line above the live one."""
        self._last_line = time.monotonic()
        self._console.print(Text(line, style=style), soft_wrap=True)

    def begin(self, name: str) -> None:
        """Begin a stage. A stage that still runs has succeeded."""
        if self._stage:
            self.end("succeeded")
        self._stage, self._detail = Stage(name), ""
        self.stages.append(self._stage)
        if self._live:
            self._live.add_task(f"{name:10}")

    def end(self, outcome: str) -> None:
        """End the stage, and print its line."""
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
        """Show what the stage does; print it too if all is to be printed."""
        if self.verbose and text:
            self.print(f"  {text}", "dim")
        self._show(text)

    def _show(self, text: str) -> None:
        self._detail = text
        if self._live and self._stage:
            for task in self._live.task_ids:
                self._live.update(task, description=f"{self._stage.name:10} {text[:80]}")

    def program_line(self, line: str) -> None:
        """Record a line that another program printed."""
        self.program_lines.append(line)
        if self.verbose:
            self.print(f"  {line}", "dim")
        if (node := DBT_NODE.match(line)) and self._stage:
            self._show(f"{node[1]} of {node[2]}  {node[4].split()[-1]}")

    def event(self, event: Any) -> None:
        """Begin or end a stage, or count, for an event of Dagster."""
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
                missed = "warned" if check.severity.value == "WARN" else "failed"
                self._stage.count("checks passed" if check.passed else f"checks {missed}")

    def _count_asset(self, asset: Any) -> None:
        key, metadata = asset.asset_key.to_user_string(), asset.metadata
        if key == "raw/ingested_files":
            self._stage.count("new files", metadata["files"].value)
            for what in ("accepted", "rejected"):
                self._stage.count(f"records {what}", metadata[f"records_{what}"].value)
        elif self._stage.name == NAMES["warehouse"]:
            self._stage.count("tables and views")
        elif self._stage.name == "publish":
            self._stage.count("tables")
            self._stage.count("rows", metadata["dagster/row_count"].value)
        elif self._stage.name == NAMES["published__report"]:
            self._stage.count("pages", metadata["pages"].value)

    @contextmanager
    def programs_captured(self) -> Iterator[None]:
        """Within this context, what is printed to the standard output is taken as lines of a program."""
        before, descriptor = sys.stdout, _descriptor(sys.stdout)
        before.flush()
        kept = None if descriptor is None else os.dup(descriptor)
        if descriptor is not None:
            # Dagster copies what its compute log captures to where the standard output led before.
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, descriptor)
            os.close(nothing)
        sys.stdout = _Lines(before if descriptor is not None else None, self.program_line)
        try:
            yield
        finally:
            sys.stdout = before
            if kept is not None:
                before.flush()
                os.dup2(kept, descriptor)
                os.close(kept)

    def _break_silence(self) -> None:
        while not self._ended.wait(0.5):
            stage = self._stage
            if stage and time.monotonic() - self._last_line > SILENCE_SECONDS:
                seconds = time.monotonic() - stage.began
                self.print(f"{stage.name:10} … {self._detail[:70]:70} {seconds:6.0f} s")


class _Lines(io.TextIOBase):
    """A stream that calls a function with each whole line, and also writes to the replaced stream, if any."""

    def __init__(self, before: TextIO | None, take: Any) -> None:
        self._before, self._take, self._rest = before, take, ""

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in filter(str.strip, lines):
            self._take(line)
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
        about = getattr(record, "dagster_meta", {})
        message = about.get("orig_message") or record.getMessage()
        if event := about.get("dagster_event"):
            _current.event(event)
        elif record.levelno < logging.INFO or any(remark in message for remark in REMARKS):
            return
        elif record.levelno >= logging.WARNING:
            _current.print(message, "yellow")
        else:
            _current.detail(message)


_current: RunOutput | None = None


@contextmanager
def run_output(verbose: bool = False, as_json: bool = False) -> Iterator[RunOutput]:
    """Yield the output of the current command, or a new one that closes with this context."""
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


def _descriptor(stream: Any) -> int | None:
    with suppress(OSError, AttributeError, ValueError):
        return stream.fileno()
    return None


def _copy(stream: TextIO) -> TextIO:
    """Return a stream to the same place, which stays there while the standard output leads elsewhere."""
    descriptor = _descriptor(stream)
    if descriptor is None:
        return stream
    stream.flush()
    return os.fdopen(os.dup(descriptor), "w", encoding=stream.encoding or "utf-8", buffering=1)
