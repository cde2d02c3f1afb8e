"""The progress output of a run and its summary in JSON, for jobs with a few steps."""

import contextlib
import io
import json
import os
import subprocess
import sys
import time

import dagster as dg
import pytest

from orchestration import run_output as module
from orchestration.__main__ import _repeated, main
from orchestration.outcome import outcome
from orchestration.run_output import RunOutput, run_output
from orchestration.settings import PROJECT, Settings
from orchestration.summary import progress

DBT = (
    "1 of 2 START sql view model main.a .... [RUN]",
    "1 of 2 ERROR creating sql view model main.a [ERROR in 1s]",
)


def execute(*assets, checks=(), verbose: bool = False) -> tuple[RunOutput, str]:
    """Run the assets like `make run`. Return the `RunOutput` and the printed text."""
    definitions = dg.Definitions(
        assets=assets,
        asset_checks=checks,
        loggers={"progress": progress},
        jobs=[dg.define_asset_job("all_of_them", executor_def=dg.in_process_executor)],
    )
    job = definitions.resolve_job_def("all_of_them")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), run_output(verbose) as output, output.programs_captured():
        output.begin("start")
        output.result = job.execute_in_process(raise_on_error=False, run_config={"loggers": {"progress": {}}})
    return output, printed.getvalue()


@dg.asset
def publish(context: dg.AssetExecutionContext):
    context.log.info("a detail")
    context.log.warning("a warning")
    return dg.MaterializeResult(metadata={"dagster/row_count": dg.MetadataValue.int(12345)})


@dg.multi_asset(name="warehouse", specs=[dg.AssetSpec("model")])
def failing_dbt():
    print("\n".join(DBT))
    raise dg.Failure("dbt failed")


@dg.asset_check(asset=publish)
def is_good():
    return dg.AssetCheckResult(passed=False, metadata={"found": "7 violations"})


def test_each_stage_is_a_line_with_counts_and_seconds_and_warnings_are_lines():
    output, printed = execute(publish)
    lines = [line for line in printed.splitlines() if " … " not in line]  # progress lines on a slow machine
    assert [line.split()[0] for line in lines] == ["start", "a", "publish"]
    assert lines[1] == "a warning"
    assert "1 table, 12,345 rows" in lines[2]
    assert lines[2].endswith(" s")
    assert [(stage.name, stage.outcome) for stage in output.stages] == [
        ("start", "succeeded"),
        ("publish", "succeeded"),
    ]


def test_verbose_output_contains_the_logs_of_steps_and_programs():
    _, printed = execute(publish, failing_dbt, verbose=True)
    assert "  a detail" in printed
    assert all(printed.count(line) == 1 for line in DBT)


def test_only_errors_of_a_failed_dbt_are_printed():
    output, printed = execute(failing_dbt)
    assert DBT[0] not in printed
    assert DBT[1] in printed
    assert "dbt        FAILED" in printed
    assert output.stages[-1].outcome == "failed"


def test_a_long_stage_prints_a_line_at_regular_intervals(monkeypatch):
    monkeypatch.setattr(module, "PROGRESS_SECONDS", 0)
    seen = []

    @dg.asset
    def slow(context: dg.AssetExecutionContext):
        context.log.info("reading the file")
        end = time.monotonic() + 60
        while module._current._file.getvalue().count("slow       … reading the file") < 2:
            assert time.monotonic() < end
            time.sleep(0.1)
        seen.append(True)

    execute(slow)
    assert seen


def test_standard_output_is_restored_after_a_run(capfd):
    with run_output() as output, output.programs_captured():
        print("1 of 1 START of a program")
    print("after")
    assert capfd.readouterr().out == "after\n"


def test_the_json_summary_of_a_failed_run_is_complete(tmp_path):
    output, _ = execute(publish, failing_dbt, checks=[is_good])
    output.settings = Settings(home=tmp_path)
    summary = json.loads(json.dumps(outcome(output, 1)))
    assert (summary["succeeded"], summary["exit_code"], summary["release"]) == (False, 1, None)
    assert summary["failures"] == [{"step": "warehouse", "reason": "dbt failed"}]
    assert summary["checks"]["failed"] == [{"check": "publish is_good", "found": "7 violations"}]
    outcomes = {stage["name"]: stage["outcome"] for stage in summary["stages"]}
    assert (outcomes["publish"], outcomes["dbt"]) == ("succeeded", "failed")


def test_an_invalid_setting_is_in_the_json_summary(monkeypatch, capfd):
    monkeypatch.setenv("CONVERSATIONS_THREADS", "many")
    assert main(["run", "--json"]) == 2
    summary = json.loads(capfd.readouterr().out)
    assert "CONVERSATIONS_THREADS='many'" in summary["error"]
    assert [(stage["name"], stage["outcome"]) for stage in summary["stages"]] == [("start", "failed")]


def test_a_result_for_a_closed_pipe_prints_no_error():
    reader, writer = os.pipe()
    os.close(reader)
    code = "from orchestration.run_output import print_result; print_result('{}')"
    ended = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("given", "parsed"),
    [
        (
            ["replay", "--accounts", "a", "b", "--files", "x", "--force"],
            ["replay", "--accounts", "a", "--accounts", "b", "--files", "x", "--force"],
        ),
        (["rollback", "1", "2"], ["rollback", "1", "2"]),
        (["replay", "--from-day", "2025-01-01", "--accounts", "a"],) * 2,
    ],
)
def test_an_option_accepts_several_values(given, parsed):
    assert _repeated(given) == parsed


def test_invalid_arguments_print_the_usage(capfd):
    assert main(["run", "--force"]) == 2
    assert "--full-refresh" in capfd.readouterr().err
    assert main(["fly"]) == 2
    assert main(["--version"]) == 0
    assert capfd.readouterr().out.startswith("conversation-reports ")
